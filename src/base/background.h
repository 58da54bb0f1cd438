/* Work that stands in nobody's way: it is done in a thread of its own with the lowest priority (nice 19), so that any other
 * thread that wants the processor takes it at once; on a machine that is never idle it still goes on, at a sixtieth of the speed.
 * (With SCHED_IDLE Linux wakes others on the very processor that such a thread has, and they wait there for the next tick: the
 * 99th percentile of the decision time went from 0.6 to 1.3 ms under `weir bench reload`, and stays with this.) The work holds no
 * lock that others wait for. Any thread. */
#ifndef WEIR_BASE_BACKGROUND_H
#define WEIR_BASE_BACKGROUND_H

/* Waits until work(argument) has returned. Where the kernel refuses such a thread, the work is done like any other. */
void weir_background_run(void (*work)(void *argument), void *argument);

#endif
