// SPDX-License-Identifier: Apache-2.0
// bin/plimsoll of the relocatable archive: starts the program next door with the C library that came with it, so that
// it runs on any distribution and from any directory. Static: what it needs must not come from the host. ld.so(8)
//
//   DIR/bin/plimsoll                    this
//   DIR/lib/plimsoll/loader/plimsoll    glibc's loader, by the name that process lists shall show
//   DIR/lib/plimsoll/program/plimsoll   the program
//   DIR/lib/plimsoll/*.so.*             its libraries
#include <sys/auxv.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace {

// Without /proc, what the kernel was told to execute.
std::string own_path() {
  char path[PATH_MAX];
  const ssize_t length = ::readlink("/proc/self/exe", path, sizeof path);
  if (length > 0) return {path, static_cast<size_t>(length)};
  const auto* const executed = reinterpret_cast<const char*>(::getauxval(AT_EXECFN));
  return executed != nullptr && ::realpath(executed, path) != nullptr ? path : "";
}

std::string parent(const std::string& path) { return path.substr(0, path.rfind('/')); }

}  // namespace

int main(int argc, char** argv) {
  const std::string own = own_path();
  const std::string home = parent(parent(own)) + "/lib/plimsoll";
  std::string loader = home + "/loader/plimsoll", program = home + "/program/plimsoll";
  // The loader puts the program's directory for $ORIGIN: a path written here could not hold a colon. It looks neither at
  // LD_LIBRARY_PATH nor at the host's ld.so.cache.
  char cache[] = "--inhibit-cache", path[] = "--library-path", libraries[] = "$ORIGIN/..", name[] = "--argv0";
  char unnamed[] = "plimsoll";
  std::vector<char*> words = {loader.data(), cache, path, libraries, name, argc > 0 ? argv[0] : unnamed, program.data()};
  for (int i = 1; i < argc; ++i) words.push_back(argv[i]);
  words.push_back(nullptr);
  ::execv(loader.c_str(), words.data());
  std::fprintf(stderr, "plimsoll: cannot start %s: %s; bin and lib of the archive belong side by side\n", loader.c_str(),
               std::strerror(errno));
  return 127;
}
