// try, catch and throw compile; a program that throws ends with the exception's type and text, after the output it had written.
// stdout: 12
// stderr: verbena: the program ends: InputError was thrown: no input file
// exit: 134
#include <cstdio>
#include <iostream>
#include <stdexcept>
#include <string>

struct InputError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

static int parse(const std::string &text) {
  try {
    return std::stoi(text);
  } catch (const std::invalid_argument &error) {
    std::cerr << error.what() << std::endl;
    return -1;
  }
}

int main(int argc, char **) {
  std::printf("%d\n", parse("12"));
  try {
    if (argc > 0) throw InputError("no input file");
  } catch (...) {
    throw;
  }
}
