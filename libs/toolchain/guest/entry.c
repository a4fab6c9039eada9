/* A main with three parameters, the third the environment as Unix has it, keeps its plain name. */
extern char **environ;

int vb_main_with_environment(int argc, char **argv, char **envp) __asm__("main");

int __main_argc_argv(int argc, char **argv) { return vb_main_with_environment(argc, argv, environ); }
