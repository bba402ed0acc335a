// What the lock protects: a file that only one may have open at a time.
#pragma once

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>

inline void work_in(const std::string& file) {
  std::FILE* tool = std::fopen(file.c_str(), "wx");  // x: fails if it is there already
  if (tool == nullptr) {
    std::printf("TWO HOLDERS: %s is there already\n", file.c_str());
    std::exit(1);
  }
  std::fclose(tool);
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  std::remove(file.c_str());
}
