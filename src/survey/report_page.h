/* The report's style sheet and its few lines of script: constant texts, inside the file so that it needs no other. */
#ifndef WEIR_SURVEY_REPORT_PAGE_H
#define WEIR_SURVEY_REPORT_PAGE_H

enum { WEIR_REPORT_COLOURS = 14 }; /* classes s0 to s13: one for each algorithm */

extern const char weir_report_style[];
extern const char weir_report_script[];

#endif
