// The C++20 standard library in one thread: containers, algorithms, streams, chrono, random, filesystem, views and smart pointers.
#include <algorithm>
#include <any>
#include <array>
#include <atomic>
#include <bit>
#include <cassert>
#include <charconv>
#include <chrono>
#include <complex>
#include <concepts>
#include <deque>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iomanip>
#include <iostream>
#include <list>
#include <map>
#include <memory>
#include <mpi.h>
#include <mutex>
#include <numeric>
#include <optional>
#include <queue>
#include <random>
#include <ranges>
#include <set>
#include <span>
#include <sstream>
#include <string>
#include <string_view>
#include <tuple>
#include <typeinfo>
#include <unordered_map>
#include <valarray>
#include <variant>
#include <vector>

struct Shape {
  virtual ~Shape() = default;
  virtual double area() const = 0;
};
struct Square final : Shape {
  double side = 2;
  double area() const override { return side * side; }
};
template <std::floating_point T> T twice(T value) { return value * 2; }

int main(int argc, char **argv) {
  MPI_Init(&argc, &argv);
  std::vector<double> numbers(100);
  std::mt19937_64 engine(42);
  std::normal_distribution<double> normal(0.0, 1.0);
  std::generate(numbers.begin(), numbers.end(), [&] { return normal(engine); });
  std::sort(numbers.begin(), numbers.end(), std::greater<>());
  assert(std::is_sorted(numbers.rbegin(), numbers.rend()));
  std::map<std::string, std::vector<int>> table{{"a", {1, 2}}, {"b", {3}}};
  std::unordered_map<std::string_view, int> counts;
  for (auto const &[key, values] : table) counts[key] += static_cast<int>(values.size());
  assert(counts["a"] == 2);
  auto shape = std::make_unique<Square>();
  Shape *base = shape.get();
  assert(base->area() == 4 && dynamic_cast<Square *>(base) != nullptr && twice(2.0) == 4);
  std::ostringstream text;
  text << std::fixed << std::setprecision(3) << 3.14159 << ' ' << std::complex<double>(1, 2);
  assert(text.str() == "3.142 (1.000,2.000)");
  auto even = std::views::iota(1, 10) | std::views::filter([](int n) { return n % 2 == 0; });
  assert(std::accumulate(even.begin(), even.end(), 0) == 20);
  std::variant<int, std::string> either = "x";
  std::optional<int> maybe;
  assert(std::holds_alternative<std::string>(either) && !maybe);
  auto begin = std::chrono::steady_clock::now();
  auto passed = std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now() - begin);
  assert(passed.count() >= 0);
  int rank;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  const std::string own = "rank-" + std::to_string(rank), file = own + ".txt";
  { std::ofstream(file) << "seven 7\n"; }
  std::ifstream notes(file);
  std::string word;
  int seven = 0;
  notes >> word >> seven;
  assert(word == "seven" && seven == 7);
  assert(std::filesystem::exists(file) && std::filesystem::file_size(file) == 8);
  std::filesystem::create_directories(own + "/deep");
  assert(std::filesystem::remove_all(own) == 2);
  std::mutex mutex;
  std::lock_guard<std::mutex> guard(mutex);
  std::atomic<int> counter{0};
  counter.fetch_add(3);
  std::shared_ptr<int> shared = std::make_shared<int>(5);
  int sum = 0, mine = *shared + counter;
  MPI_Allreduce(&mine, &sum, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
  int size;
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  assert(sum == 8 * size && std::bit_width(9u) == 4);
  std::cout << "ok" << std::endl;
  MPI_Finalize();
}
