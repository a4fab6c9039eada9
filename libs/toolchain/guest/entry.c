/*
 * The C library starts a program at __main_argc_argv, the compiler's name for a main with two parameters. A main with three, which takes
 * the environment as Unix has it, keeps the plain name: this passes the environment on. It is linked only for such programs.
 */
extern char **environ;

int vb_main_with_environment(int argc, char **argv, char **envp) __asm__("main");

int __main_argc_argv(int argc, char **argv) { return vb_main_with_environment(argc, argv, environ); }
