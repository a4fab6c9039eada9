#pragma once
#include <array>
#include <vector>

namespace geometry {
using Point = std::array<double, 2>;
double area(const std::vector<Point> &polygon);
}
