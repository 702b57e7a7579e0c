// SPDX-License-Identifier: Apache-2.0
// collectors/engine/sqlite_file.h, on files that SQLite itself has written.
#include "collectors/engine/sqlite_file.h"

#include <fcntl.h>
#include <gmock/gmock.h>

#include "tests/unit/sqlite_writer.h"

namespace plimsoll::engine {
namespace {

using test::TempTree;
using test::write_sqlite;

constexpr const char* kTable =
    "CREATE TABLE T(ID TEXT PRIMARY KEY NOT NULL, N INTEGER, J TEXT, CHECK (N BETWEEN -1 AND 255));";

SqliteFile open(const TempTree& tree) { return SqliteFile(UniqueFd(::open(tree.at("db").c_str(), O_RDONLY)), ""); }

TEST(Sqlite, ValuesOfEveryKind) {
  const TempTree tree(
      {{"db",
        write_sqlite(
            "CREATE TABLE K(ID TEXT PRIMARY KEY, Text TEXT, A, B, C, D, E, F, G, H, I REAL, L BLOB);"
            "INSERT INTO K VALUES('k','',NULL,0,1,-1,300,-70000,5000000000,-9223372036854775808,1.5,x'0041');")}});
  const auto row = open(tree).find("K", "k", {"Text", "A", "B", "C", "D", "E", "F", "G", "H", "I", "L"});
  ASSERT_TRUE(row) << row.error().message();
  EXPECT_THAT(*row, testing::ElementsAre("", "", "0", "1", "-1", "300", "-70000", "5000000000", "-9223372036854775808",
                                         "", std::string("\0A", 2)));
}

class SqlitePages : public testing::TestWithParam<int> {};

// Thousands of rows of up to some pages each: inner pages, overflow chains, and indexes in several levels.
TEST_P(SqlitePages, FindsEachRow) {
  std::string sql = "PRAGMA page_size=" + std::to_string(GetParam()) + ";" + kTable + "BEGIN;";
  const auto text = [](int i) {
    return std::string(static_cast<size_t>(i * 13 % 9000), static_cast<char>('a' + i % 26));
  };
  for (int i = 0; i < 1200; ++i)
    sql += "INSERT INTO T VALUES('k" + std::to_string(i * 7919 % 1200) + "'," + std::to_string(i % 200) + ",'" +
           text(i * 7919 % 1200) + "');";
  const TempTree tree({{"db", write_sqlite(sql + "DELETE FROM T WHERE ID='k600';COMMIT;")}});
  const SqliteFile file = open(tree);
  for (int i = 0; i < 1200; ++i) {
    const auto row = file.find("T", "k" + std::to_string(i), {"J", "ID"});
    ASSERT_EQ(row.has_value(), i != 600) << i;
    if (!row) continue;
    ASSERT_THAT(*row, testing::ElementsAre(text(i), "k" + std::to_string(i)));
  }
  const auto all = file.list("t", {"id"});  // names of tables and columns have no case
  ASSERT_TRUE(all) << all.error().message();
  EXPECT_EQ(all->size(), 1199u);
}

INSTANTIATE_TEST_SUITE_P(Sizes, SqlitePages, testing::Values(512, 1024, 4096, 65536));

TEST(Sqlite, WhatIsNotThere) {
  const TempTree tree(
      {{"db", write_sqlite(std::string(kTable) +
                           "INSERT INTO T VALUES('a',1,'x');CREATE TABLE Plain(A, ID);INSERT INTO Plain VALUES(1,2);"
                           "ALTER TABLE T ADD COLUMN Late TEXT;CREATE TABLE W(ID TEXT PRIMARY KEY, J) WITHOUT "
                           "ROWID;CREATE VIEW V AS SELECT * FROM T;")}});
  const SqliteFile file = open(tree);
  EXPECT_EQ(file.find("T", "b", {"J"}).error().code, ENOENT);
  EXPECT_EQ(file.find("U", "a", {"J"}).error().code, ENOENT);
  EXPECT_EQ(file.find("V", "a", {"J"}).error().code, ENOENT);
  EXPECT_EQ(file.find("T", "a", {"Q"}).error().code, ENOENT);
  EXPECT_EQ(file.find("Plain", "2", {"A"}).error().code, EINVAL);  // no primary key
  EXPECT_EQ(file.list("W", {"J"}).error().code, EINVAL);
  EXPECT_THAT(*file.find("T", "a", {"Late", "J"}), testing::ElementsAre("", "x"));
}

TEST(Sqlite, OtherFiles) {
  const std::string wal = write_sqlite(std::string("PRAGMA journal_mode=WAL;") + kTable);
  const std::string wide = write_sqlite(std::string("PRAGMA encoding='UTF-16';") + kTable);
  for (const std::string& text : {std::string(), std::string("SQLite format 3"), std::string(200, '\0'),
                                  std::string("SQLite format 3\0", 16) + std::string(200, '\0'), wal, wide})
    EXPECT_EQ(open(TempTree({{"db", text}})).list("T", {"J"}).error().code, EINVAL);
}

TEST(Sqlite, DamageAnywhere) {
  const std::string whole = write_sqlite("PRAGMA page_size=512;" + std::string(kTable) +
                                         "INSERT INTO T VALUES('a',1,'" + std::string(3000, 'x') + "'),('b',2,'y');");
  size_t understood = 0;
  for (size_t at = 100; at < whole.size(); at += 3) {
    std::string changed = whole;
    changed[at] = static_cast<char>(changed[at] ^ (at % 2 == 0 ? 0xFF : 0x05));
    const TempTree tree({{"db", changed}});
    if (open(tree).find("T", "a", {"J"})) ++understood;
    const auto rows = open(tree).list("T", {"J"});
    EXPECT_TRUE(!rows || rows->size() <= 65536u);
  }
  EXPECT_GT(understood, 0u);
  for (size_t size = 0; size < whole.size(); size += 61) {
    const TempTree tree({{"db", whole.substr(0, size)}});
    const auto row = open(tree).find("T", "a", {"J"});
    EXPECT_TRUE(!row || (*row)[0].size() == 3000u) << size;
  }
}

}  // namespace
}  // namespace plimsoll::engine
