// SPDX-License-Identifier: Apache-2.0
#include "runtime/limits/controller_files.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "base/os.h"
#include "base/text.h"
#include "runtime/limits/controllers.h"

namespace plimsoll::limits {

Error ControllerFiles::without_controller(const std::string& file) const {
  return Error{0, file + ": the container's cgroup does not have the controller " + controller_ +
                      "; mount it, or leave out what needs it"};
}

bool ControllerFiles::has(const std::string& file) const {
  return there() && ::access((place_->directory + "/" + file).c_str(), F_OK) == 0;
}

Result<void> ControllerFiles::attempt(const std::string& file, const std::string& value) const {
  if (!there()) return unexpected(without_controller(file));
  auto written = write_existing(AT_FDCWD, place_->directory + "/" + file, value);
  if (!written) return unexpected(Error{written.error().code, "write \"" + value + "\" to " + file});
  return {};
}

Result<void> ControllerFiles::write(const std::string& file, const std::string& value) const {
  auto written = attempt(file, value);
  if (written || !v2() || controller_ == "cgroup") return written;
  if (written.error().code != ENOENT && written.error().code != EACCES) return written;
  const std::string& directory = place_->directory;
  const std::string mount_point = directory.substr(0, directory.size() - group_.path().size());
  auto enabled = enable_controller(mount_point, group_.path(), controller_);
  // Its number would say that the file alone is missing.
  if (!enabled) return unexpected(Error{0, file + ": " + enabled.error().message()});
  return attempt(file, value);
}

Result<void> ControllerFiles::write_if_known(const std::string& file, const std::string& value) const {
  auto written = write(file, value);
  if (!written && written.error().code == ENOENT) return {};
  return written;
}

Result<std::string> ControllerFiles::read(const std::string& file) const {
  if (!there()) return unexpected(without_controller(file));
  auto text = read_file(place_->directory + "/" + file);
  if (!text) return unexpected(Error{text.error().code, file});
  return text;
}

Result<uint64_t> ControllerFiles::read_number(const std::string& file) const {
  auto text = read(file);
  if (!text) return unexpected(text.error());
  const auto number = parse_u64(trim(*text));
  if (!number) return fail(file + ": \"" + std::string(trim(*text)) + "\" is no number");
  return *number;
}

}  // namespace plimsoll::limits
