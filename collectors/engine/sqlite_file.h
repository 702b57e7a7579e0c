// SPDX-License-Identifier: Apache-2.0
// A bounded, read-only reader of SQLite database files: rows of ordinary tables, by a text primary key or all of
// them. Enough for podman's db.sql, a few hundred lines less to trust than a whole SQL engine on files that any
// user may have forged, and no cost at the start of every command.
//
//   header  "SQLite format 3\0", page size:2 at 16, read version:1 at 19, reserved:1 at 20, change counter:4 at 24
//   page    type:1 (13 table leaf, 5 inner; 10 index leaf, 2 inner) free:2 cells:2 content:2 fragments:1 [right:4],
//           then a two-byte position of each cell; page 1 is the table of all tables and indexes
//   record  header size, a serial type per column, then the values; what does not fit goes on in overflow pages
//
// Numbers are big-endian. A writer keeps NAME-journal for as long as it changes the file and counts its
// transactions in the header: with no journal afterwards and the same count before and after, what was read in
// between is one transaction. Files in WAL mode are refused. https://www.sqlite.org/fileformat2.html
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "base/os.h"
#include "base/result.h"

namespace plimsoll::engine {

class SqliteFile {
 public:
  using Row = std::vector<std::string>;  // in the order of the columns asked for; NULL is "", a number its digits

  // Takes a descriptor of a regular file; `journal`: path of its rollback journal ("" = none is possible).
  SqliteFile(UniqueFd fd, std::string journal) : fd_(std::move(fd)), journal_(std::move(journal)) {}

  // The row of `table` whose primary key, a text, is `id`. ENOENT when there is no such row, table or column;
  // EAGAIN when it is being written; EINVAL when the file is no database, or damaged where we looked.
  Result<Row> find(std::string_view table, std::string_view id, std::initializer_list<std::string_view> columns) const;
  // All rows, by rowid; EFBIG when they are too much for memory (16 MB, 65536 rows).
  Result<std::vector<Row>> list(std::string_view table, std::initializer_list<std::string_view> columns) const;

 private:
  UniqueFd fd_;
  std::string journal_;
};

}  // namespace plimsoll::engine
