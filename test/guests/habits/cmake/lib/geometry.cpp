#include "geometry.hpp"
#include <cmath>
#include <stdexcept>

double geometry::area(const std::vector<Point> &polygon) {
  if (polygon.size() < 3) throw std::invalid_argument("a polygon has three corners at least");
  double twice = 0;
  for (std::size_t i = 0; i < polygon.size(); i++) {
    const auto &a = polygon[i], &b = polygon[(i + 1) % polygon.size()];
    twice += a[0] * b[1] - a[1] * b[0];
  }
  return std::abs(twice) / 2;
}
