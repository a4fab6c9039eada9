/*
 * C++ exceptions. Programs with try, catch and throw compile; a guest cannot unwind its stack, so that an exception that is really thrown
 * ends the program, with its type and what() in one line. Laid out by the Itanium C++ ABI, which clang and libc++abi follow.
 */
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

/* A std::type_info: its table of virtual functions, and the mangled name of its type. */
struct type_info {
  void *const *functions;
  const char *name;
};
/* Where libc++abi's type_info has "may a handler of my type take this object", and std::exception has what(). */
#define CAN_CATCH 4
#define WHAT 2
typedef bool can_catch_function(const struct type_info *self, const struct type_info *thrown, void **object);
typedef const char *what_function(void *object);

extern const struct type_info exception_type __asm__("_ZTISt9exception");
char *__cxa_demangle(const char *name, char *out, size_t *length, int *status);

void *__cxa_allocate_exception(size_t bytes) {
  void *object = malloc(bytes);
  if (object == NULL) abort();
  return object;
}

void __cxa_free_exception(void *object) { free(object); }

_Noreturn void __cxa_throw(void *object, const struct type_info *type, void (*destroy)(void *)) {
  (void)destroy;
  int status;
  char *name = __cxa_demangle(type->name, NULL, NULL, &status);
  bool standard = ((can_catch_function *)exception_type.functions[CAN_CATCH])(&exception_type, type, &object);
  const char *what = standard ? ((what_function *)(*(void ***)object)[WHAT])(object) : "";
  fflush(stdout);
  fprintf(stderr, "verbena: the program ends: %s was thrown%s%s; C++ exceptions cannot be caught in a guest\n",
          name != NULL ? name : type->name, *what != '\0' ? ": " : "", what);
  abort();
}

_Noreturn void __cxa_rethrow(void) {
  fprintf(stderr, "verbena: the program ends: an exception was thrown again where there is none\n");
  abort();
}

/* How libc++ itself ends a program where it would throw. */
_Noreturn void vb_library_throws(const char *format, ...) __asm__("_ZNSt3__222__libcpp_verbose_abortEPKcz");

_Noreturn void vb_library_throws(const char *format, ...) {
  va_list arguments;
  fflush(stdout);
  fputs("verbena: the program ends: ", stderr);
  va_start(arguments, format);
  vfprintf(stderr, format, arguments);
  va_end(arguments);
  fputs("; C++ exceptions cannot be caught in a guest\n", stderr);
  abort();
}
