/* The commands: one file each (src/cli/cmd_<name>.c), one entry here. */
#ifndef WEIR_CLI_COMMAND_H
#define WEIR_CLI_COMMAND_H

enum { WEIR_EXIT_OK = 0, WEIR_EXIT_FAILED = 1, WEIR_EXIT_USAGE = 2 };

/* Each takes its own argument vector (argv[0] is the command's name) and returns an exit code. */
int weir_cmd_flows(int argc, char **argv);
int weir_cmd_run(int argc, char **argv);
int weir_cmd_collect(int argc, char **argv);
int weir_cmd_sensor(int argc, char **argv);
int weir_cmd_status(int argc, char **argv);
int weir_cmd_top(int argc, char **argv);
int weir_cmd_reload(int argc, char **argv);
int weir_cmd_stop(int argc, char **argv);
int weir_cmd_query(int argc, char **argv);
int weir_cmd_data(int argc, char **argv);
int weir_cmd_train(int argc, char **argv);
int weir_cmd_survey(int argc, char **argv);
int weir_cmd_survey_task(int argc, char **argv); /* a process of weir survey */
int weir_cmd_evaluate(int argc, char **argv);
int weir_cmd_predict(int argc, char **argv);
int weir_cmd_model(int argc, char **argv);
int weir_cmd_bench(int argc, char **argv);
int weir_cmd_infer(int argc, char **argv);
int weir_cmd_keygen(int argc, char **argv);

#endif
