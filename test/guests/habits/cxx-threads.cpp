// A second thread cannot be had: the program ends with a line that says so, and does not hang.
// stderr: verbena: pthread_create() is not available in a guest
// stderr: verbena: the program ends: system_error
// exit: 134
#include <cstdio>
#include <thread>

int main() {
  std::thread thread([] { std::puts("never"); });
  thread.join();
}
