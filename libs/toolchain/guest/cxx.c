/* What libc++ asks of a system with threads. */
int __cxa_atexit(void (*destroy)(void *), void *object, void *module);

/* A guest's one thread ends when its program ends. */
int __cxa_thread_atexit(void (*destroy)(void *), void *object, void *module) { return __cxa_atexit(destroy, object, module); }
