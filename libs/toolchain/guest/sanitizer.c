/*
 * What code that was compiled with -fsanitize=undefined calls when it finds a mistake: one line with file, line and column, then the end.
 * Names and layouts are those of LLVM's compiler-rt; every handler's data begin with the place in the source.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

struct place {
  const char *file;
  uint32_t line;
  uint32_t column;
};

struct type {
  uint16_t kind;
  uint16_t info;
  char name[];
};

struct mismatch {
  struct place place;
  const struct type *type;
  uint8_t log_alignment;
  uint8_t access;
};

/* By mismatch.access. */
static const char *const accesses[] = {"load of",      "store to",  "reference to", "member access within", "member call on", "constructor call on",
                                       "downcast of", "downcast of", "upcast of",   "cast to a base of",    "reference to",   "operation on"};

static _Noreturn void stop(const struct place *place, const char *what) {
  fflush(stdout);
  fprintf(stderr, "%s:%u:%u: runtime error: %s\n", place->file != NULL ? place->file : "?", (unsigned)place->line, (unsigned)place->column, what);
  abort();
}

void __ubsan_handle_type_mismatch_v1_abort(const struct mismatch *data, uintptr_t pointer) {
  char what[256];
  const char *access = data->access < sizeof accesses / sizeof *accesses ? accesses[data->access] : "use of";
  const uintptr_t alignment = (uintptr_t)1 << data->log_alignment;
  if (pointer == 0) snprintf(what, sizeof what, "%s a null pointer of type %s", access, data->type->name);
  else if ((pointer & (alignment - 1)) != 0)
    snprintf(what, sizeof what, "%s the misaligned address %#lx of type %s", access, (unsigned long)pointer, data->type->name);
  else snprintf(what, sizeof what, "%s the address %#lx, which has no room for %s", access, (unsigned long)pointer, data->type->name);
  stop(&data->place, what);
}

#define WITH_1(name, text) \
  void __ubsan_handle_##name(const struct place *place) { stop(place, text); }
#define WITH_2(name, text) \
  void __ubsan_handle_##name(const struct place *place, uintptr_t a) { (void)a, stop(place, text); }
#define WITH_3(name, text) \
  void __ubsan_handle_##name(const struct place *place, uintptr_t a, uintptr_t b) { (void)a, (void)b, stop(place, text); }

WITH_3(add_overflow_abort, "integer overflow in an addition")
WITH_3(sub_overflow_abort, "integer overflow in a subtraction")
WITH_3(mul_overflow_abort, "integer overflow in a multiplication")
WITH_2(negate_overflow_abort, "integer overflow in a negation")
WITH_3(divrem_overflow_abort, "division by zero, or integer overflow in a division")
WITH_3(shift_out_of_bounds_abort, "shift by more bits than the type has, or of a negative number")
WITH_2(out_of_bounds_abort, "index outside its array")
WITH_1(builtin_unreachable, "code that must not be reached")
WITH_1(missing_return, "end of a function that returns a value, without one")
WITH_2(vla_bound_not_positive_abort, "variable-length array without a positive length")
WITH_2(float_cast_overflow_abort, "floating-point number that does not fit the integer")
WITH_2(load_invalid_value_abort, "load of a value that its type does not have")
WITH_1(invalid_builtin_abort, "count of leading or trailing zeros of 0")
WITH_1(nonnull_arg_abort, "null pointer for a parameter that must not be null")
WITH_3(pointer_overflow_abort, "pointer arithmetic past the end of memory, or on a null pointer")

void __ubsan_handle_nonnull_return_v1_abort(const void *data, const struct place *place) {
  (void)data;
  stop(place, "null pointer returned where it must not be null");
}

void __ubsan_handle_alignment_assumption_abort(const struct place *place, uintptr_t pointer, uintptr_t alignment, uintptr_t offset) {
  (void)pointer, (void)alignment, (void)offset;
  stop(place, "address without the alignment that was promised");
}
