/* Building blocks of reduction kernels: one loop per operation and type, which the compiler can turn into SIMD. */
#ifndef VBMPI_KERNELS_H
#define VBMPI_KERNELS_H

#include <complex.h>
#include <stdint.h>

#include "op.h"

/* A kernel `name` over `type`: b = expression of a (in) and b (inout). */
#define KERNEL(name, type, expression)                              \
  static void name(const void *in, void *inout, size_t count) {     \
    const type *x = in;                                             \
    type *y = inout;                                                \
    for (size_t i = 0; i < count; i++) {                            \
      type a = x[i], b = y[i];                                      \
      y[i] = (type)(expression);                                    \
    }                                                               \
  }

#define INTEGERS(apply, operation, expression)                                                                                      \
  apply(operation##_i8, int8_t, expression) apply(operation##_i16, int16_t, expression) apply(operation##_i32, int32_t, expression) \
  apply(operation##_i64, int64_t, expression) apply(operation##_u8, uint8_t, expression) apply(operation##_u16, uint16_t, expression) \
  apply(operation##_u32, uint32_t, expression) apply(operation##_u64, uint64_t, expression)

#define FLOATS(apply, operation, expression) \
  apply(operation##_f32, float, expression) apply(operation##_f64, double, expression) apply(operation##_f128, long double, expression)

#define INTEGER_ROWS(operation)                                                                                                       \
  [VBMPI_I8] = operation##_i8, [VBMPI_I16] = operation##_i16, [VBMPI_I32] = operation##_i32, [VBMPI_I64] = operation##_i64,           \
  [VBMPI_U8] = operation##_u8, [VBMPI_U16] = operation##_u16, [VBMPI_U32] = operation##_u32, [VBMPI_U64] = operation##_u64

#define FLOAT_ROWS(operation) [VBMPI_F32] = operation##_f32, [VBMPI_F64] = operation##_f64, [VBMPI_F128] = operation##_f128

#endif
