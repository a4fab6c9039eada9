/* The derivatives of the equations in flow.h, of which the implicit steps of BT and LU are made. */
#ifndef JACOBIAN_H
#define JACOBIAN_H

#include "flow.h"

typedef double block[VARIABLES][VARIABLES];

/*
 * weight_flux * A + weight_viscous * N + own * I, where A is the derivative of the flux along d with respect to the five numbers of a point, and N that of
 * the viscous terms. out[row][column].
 */
static inline __attribute__((always_inline)) void jacobian(int d, const double *v, double weight_flux, double weight_viscous, double own,
                                                           double out[VARIABLES][VARIABLES])
{
  double inverse = 1 / v[0], w[3] = {v[1] * inverse, v[2] * inverse, v[3] * inverse}, along = w[d], energy = v[4] * inverse;
  double q = 0.5 * (w[0] * w[0] + w[1] * w[1] + w[2] * w[2]), viscous = weight_viscous * c3c4 * inverse, work = 0;
  for (int m = 0; m < VARIABLES; m++) out[0][m] = 0;
  out[0][1 + d] = weight_flux;
  for (int m = 0; m < 3; m++) {
    double friction = viscous * (m == d ? con43 : 1), heat = viscous * ((m == d ? con43 : 1) - c1c5);
    out[1 + m][0] = weight_flux * ((m == d ? c2 * q : 0) - w[m] * along) - friction * w[m];
    for (int l = 0; l < 3; l++)
      out[1 + m][1 + l] = weight_flux * ((m == l ? along : 0) + (l == d ? w[m] : 0) - (m == d ? c2 * w[l] : 0)) + (m == l ? friction : 0);
    out[1 + m][4] = m == d ? weight_flux * c2 : 0;
    out[4][1 + m] = weight_flux * ((m == d ? c1 * energy - c2 * q : 0) - c2 * w[m] * along) + heat * w[m];
    work += heat * w[m] * w[m];
  }
  out[4][0] = weight_flux * along * (2 * c2 * q - c1 * energy) - work - viscous * c1c5 * energy;
  out[4][4] = weight_flux * c1 * along + viscous * c1c5;
  for (int m = 0; m < VARIABLES; m++) out[m][m] += own;
}

/* out -= scale * m v */
static inline void subtract_product(double m[VARIABLES][VARIABLES], const double *v, double scale, double *out)
{
  for (int r = 0; r < VARIABLES; r++) out[r] -= scale * (m[r][0] * v[0] + m[r][1] * v[1] + m[r][2] * v[2] + m[r][3] * v[3] + m[r][4] * v[4]);
}

#endif
