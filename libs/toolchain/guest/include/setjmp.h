/* sigsetjmp, beside what the C library has of <setjmp.h>. No signal comes from outside, so there is no mask to restore. */
#include_next <setjmp.h>
#ifndef VERBENA_SETJMP_H
#define VERBENA_SETJMP_H
#undef sigsetjmp
#undef siglongjmp
#define sigjmp_buf jmp_buf
#define sigsetjmp(environment, mask) ((void)(mask), setjmp(environment))
#define siglongjmp(environment, value) longjmp(environment, value)
#endif
