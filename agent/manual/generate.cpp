// SPDX-License-Identifier: Apache-2.0
// Usage: plimsoll_pages DIRECTORY SECTIONS DATE
//
// At build time: writes manual pages and completions of both executables to DIRECTORY. SECTIONS/NAME.roff is what has
// been written by hand for the page NAME, such as plimsoll-run.1. Not installed.
#include <cstdio>
#include <string>
#include <vector>

#include "agent/manual/completion.h"
#include "agent/manual/man_page.h"
#include "agent/manual/oci_text.h"
#include "agent/program.h"
#include "base/os.h"

namespace plimsoll::agent {
namespace {

class Writer {
 public:
  Writer(std::string directory, std::string sections, std::string date)
      : directory_(std::move(directory)), sections_(std::move(sections)), date_(std::move(date)) {}

  PageHead head(const std::string& name, int section, const std::string& summary) const {
    return {name, section, date_, "plimsoll " PLIMSOLL_VERSION, summary};
  }
  // "" where nothing has been written by hand.
  std::string by_hand(const PageHead& head) const {
    return read_file(sections_ + "/" + file_name(head) + ".roff").value_or("");
  }
  void page(const PageHead& head, const std::string& text) { write(file_name(head), text); }
  void completions(const ProgramText& program) {
    for (const char* shell : {"bash", "zsh", "fish"})
      write(program.name + "." + shell, *completion_for(shell, program));
  }
  bool failed() const { return failed_; }

 private:
  static std::string file_name(const PageHead& head) { return head.name + "." + std::to_string(head.section); }

  void write(const std::string& name, const std::string& text) {
    const auto written = replace_file_unsynced(directory_ + "/" + name, text, 0644);
    if (written) return;
    std::fprintf(stderr, "plimsoll_pages: %s\n", written.error().message().c_str());
    failed_ = true;
  }

  std::string directory_, sections_, date_;
  bool failed_ = false;
};

void write_plimsoll(Writer& writer) {
  const ProgramText program = program_text();
  const PageHead head = writer.head("plimsoll", 1, program.summary);
  writer.page(head, program_page(head, program, false, writer.by_hand(head)));
  for (const CommandText& command : program.commands) {
    const PageHead one = writer.head("plimsoll-" + command.name, 1, command.summary);
    writer.page(one, command_page(one, program, command, writer.by_hand(one)));
    if (command.name != "agent") continue;
    const PageHead settings = writer.head("plimsoll.yml", 5, "settings of the plimsoll agent");
    writer.page(settings, settings_page(settings, command, writer.by_hand(settings)));
  }
  writer.completions(program);
}

void write_oci(Writer& writer) {
  const ProgramText program = oci_text();
  const PageHead head = writer.head("plimsoll-oci", 8, program.summary);
  writer.page(head, program_page(head, program, true, writer.by_hand(head)));
  writer.completions(program);
}

}  // namespace
}  // namespace plimsoll::agent

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fputs("Usage: plimsoll_pages DIRECTORY SECTIONS DATE\n", stderr);
    return 2;
  }
  plimsoll::agent::Writer writer(argv[1], argv[2], argv[3]);
  plimsoll::agent::write_plimsoll(writer);
  plimsoll::agent::write_oci(writer);
  return writer.failed() ? 1 : 0;
}
