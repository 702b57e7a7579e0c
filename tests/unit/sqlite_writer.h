// SPDX-License-Identifier: Apache-2.0
// A SQLite database of a test's own, made by SQLite itself.
#pragma once

#include <gtest/gtest.h>
#include <sqlite3.h>

#include <string>

#include "base/os.h"
#include "tests/unit/temp_tree.h"

namespace plimsoll::test {

// The file that `sql` leaves behind.
inline std::string write_sqlite(const std::string& sql) {
  const TempTree tree;
  sqlite3* database = nullptr;
  EXPECT_EQ(sqlite3_open(tree.at("db").c_str(), &database), SQLITE_OK);
  char* error = nullptr;
  EXPECT_EQ(sqlite3_exec(database, sql.c_str(), nullptr, nullptr, &error), SQLITE_OK)
      << (error == nullptr ? "" : error);
  sqlite3_free(error);
  sqlite3_close(database);
  return read_file(tree.at("db")).value_or("");
}

}  // namespace plimsoll::test
