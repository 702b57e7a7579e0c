// SPDX-License-Identifier: Apache-2.0
#include "collectors/engine/sqlite_file.h"

#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <optional>

#include "base/text.h"

namespace plimsoll::engine {
namespace {

constexpr std::string_view kMagic("SQLite format 3\0", 16);
constexpr size_t kHeader = 100;  // of the file, at the start of page 1
constexpr uint8_t kTableLeaf = 13, kTableInner = 5, kIndexLeaf = 10, kIndexInner = 2;
constexpr int kDeepest = 20;
constexpr int kAttempts = 4;
constexpr size_t kMaxPayload = 4 * 1024 * 1024;  // of one row
constexpr size_t kMaxRead = 64 * 1024 * 1024;    // of pages, for one call
constexpr size_t kMaxBytes = 16 * 1024 * 1024, kMaxRows = 65536;
constexpr size_t kMaxColumns = 64;

Unexpected damaged(std::string_view what) { return unexpected(Error{EINVAL, std::string(what)}); }
Unexpected missing(std::string_view what) { return unexpected(Error{ENOENT, std::string(what)}); }

// Big-endian number of `size` bytes at `at`; 0 when it lies beyond the end.
uint64_t number(std::string_view bytes, size_t at, size_t size) {
  if (at > bytes.size() || bytes.size() - at < size) return 0;
  uint64_t value = 0;
  for (size_t i = 0; i < size; ++i) value = value << 8 | static_cast<uint8_t>(bytes[at + i]);
  return value;
}

// Seven bits a byte, the ninth byte whole. nullopt when the text ends within.
std::optional<uint64_t> take_varint(std::string_view& rest) {
  uint64_t value = 0;
  for (size_t i = 0; i < 9 && i < rest.size(); ++i) {
    const auto byte = static_cast<uint8_t>(rest[i]);
    value = i == 8 ? value << 8 | byte : value << 7 | (byte & 0x7F);
    if (i < 8 && (byte & 0x80) != 0) continue;
    rest.remove_prefix(i + 1);
    return value;
  }
  return std::nullopt;
}

// Bytes of a value of serial type `type`.
uint64_t size_of(uint64_t type) {
  constexpr uint8_t kSizes[] = {0, 1, 2, 3, 4, 6, 8, 8, 0, 0, 0, 0};
  return type < 12 ? kSizes[type] : (type - 12) / 2;
}

std::string text_of(uint64_t type, std::string_view value) {
  if (type >= 12) return std::string(value);
  if (type == 8 || type == 9) return type == 8 ? "0" : "1";
  if (type == 0 || type > 6) return "";
  const int unused = 64 - 8 * static_cast<int>(value.size());
  return std::to_string(static_cast<int64_t>(number(value, 0, value.size()) << unused) >> unused);
}

// The values of one record; nullopt when it is damaged.
std::optional<std::vector<std::string>> parse_record(std::string_view record) {
  std::string_view header = record;
  const auto header_size = take_varint(header);
  if (!header_size || *header_size > record.size() || *header_size < record.size() - header.size()) return std::nullopt;
  header = record.substr(record.size() - header.size(), *header_size - (record.size() - header.size()));
  std::string_view body = record.substr(*header_size);
  std::vector<std::string> values;
  while (!header.empty()) {
    const auto type = take_varint(header);
    if (!type || values.size() >= kMaxColumns) return std::nullopt;
    const uint64_t size = size_of(*type);
    if (size > body.size()) return std::nullopt;
    values.push_back(text_of(*type, body.substr(0, size)));
    body.remove_prefix(size);
  }
  return values;
}

bool same_name(std::string_view a, std::string_view b) {
  return a.size() == b.size() && ::strncasecmp(a.data(), b.data(), a.size()) == 0;
}

// The names in "CREATE TABLE T(ID TEXT PRIMARY KEY, Name TEXT, ..., FOREIGN KEY (ID) ...)", with the constraints'
// first words, which no column of ours is called.
std::vector<std::string> column_names(std::string_view sql) {
  std::vector<std::string> names;
  const size_t open = sql.find('(');
  int depth = 0;
  bool at_name = true;
  for (size_t i = open; i < sql.size() && names.size() < kMaxColumns; ++i) {
    const char c = sql[i];
    if (c == '(') ++depth;
    if (c == ')' && --depth == 0) break;
    if (depth == 1 && c == ',') at_name = true;
    if (depth != 1 || !at_name || !(c == '_' || (c | 0x20) >= 'a')) continue;
    const size_t end = std::min(sql.find_first_of(" \t\r\n,()", i), sql.size());
    names.emplace_back(sql.substr(i, end - i));
    at_name = false;
    i = end - 1;
  }
  return names;
}

// One look at the file, within one transaction.
class Look {
 public:
  explicit Look(int fd) : fd_(fd) {}

  Result<uint64_t> start();
  Result<SqliteFile::Row> find(std::string_view table, std::string_view id,
                               std::initializer_list<std::string_view> columns);
  Result<std::vector<SqliteFile::Row>> list(std::string_view table, std::initializer_list<std::string_view> columns);

 private:
  struct Page {
    std::string bytes;
    size_t start;  // of its header
    uint8_t type() const { return static_cast<uint8_t>(bytes[start]); }
    size_t cells() const { return number(bytes, start + 3, 2); }
    bool is_inner() const { return type() == kTableInner || type() == kIndexInner; }
    uint64_t right() const { return number(bytes, start + 8, 4); }
    // What begins at the position of cell `index`, up to the end of the page; empty when it is out of bounds.
    std::string_view cell(size_t index) const {
      const size_t at = number(bytes, start + (is_inner() ? 12 : 8) + 2 * index, 2);
      return at < start || at >= bytes.size() ? std::string_view() : std::string_view(bytes).substr(at);
    }
  };
  struct Table {
    uint64_t root = 0, index = 0;
    std::vector<size_t> columns;
  };
  using Values = std::vector<std::string>;

  Result<std::string> read(uint64_t id);
  Result<Page> page(uint64_t id, uint8_t leaf, uint8_t inner);
  Result<std::string> payload(std::string_view rest, uint64_t size);
  Result<Table> table(std::string_view name, std::initializer_list<std::string_view> columns);
  Result<std::vector<Values>> rows(uint64_t root);
  Result<void> take_rows(uint64_t id, int depth, std::vector<Values>& rows);
  Result<void> take_leaf(const Page& leaf, std::vector<Values>& rows);
  Result<uint64_t> rowid_of(uint64_t index, std::string_view key);
  Result<Values> row_of(uint64_t root, uint64_t rowid);

  int fd_;
  size_t page_size_ = 0, usable_ = 0;
  size_t left_ = 0, bytes_left_ = kMaxBytes;
};

// The transaction that the file is at.
Result<uint64_t> Look::start() {
  char bytes[kHeader];
  if (::pread(fd_, bytes, sizeof bytes, 0) != static_cast<ssize_t>(sizeof bytes)) return damaged("no database");
  const std::string_view header(bytes, sizeof bytes);
  page_size_ = number(header, 16, 2);
  if (page_size_ == 1) page_size_ = 65536;
  const bool valid = header.starts_with(kMagic) && std::has_single_bit(page_size_) && page_size_ >= 512;
  if (!valid || header[19] != 1) return damaged("no database, or one in WAL mode");
  usable_ = page_size_ - static_cast<uint8_t>(header[20]);
  if (usable_ < 480 || number(header, 56, 4) > 1) return damaged("unknown form");
  // No look visits a page more than three times: a ring of pages ends soon.
  struct stat st;
  if (::fstat(fd_, &st) != 0) return fail_errno("database");
  left_ = std::min(kMaxRead, 3 * static_cast<size_t>(st.st_size));
  return number(header, 24, 4);
}

Result<std::string> Look::read(uint64_t id) {
  if (id == 0 || id > UINT32_MAX) return damaged("page out of bounds");
  if (left_ < page_size_) return unexpected(Error{EFBIG, "pages"});
  left_ -= page_size_;
  std::string bytes(page_size_, '\0');
  const ssize_t n = ::pread(fd_, bytes.data(), bytes.size(), static_cast<off_t>((id - 1) * page_size_));
  if (n != static_cast<ssize_t>(bytes.size())) return damaged("truncated");
  return bytes;
}

Result<Look::Page> Look::page(uint64_t id, uint8_t leaf, uint8_t inner) {
  auto bytes = read(id);
  if (!bytes) return unexpected(bytes.error());
  Page page{std::move(*bytes), id == 1 ? kHeader : 0};
  if (page.type() != leaf && page.type() != inner) return damaged("page of another kind");
  page.bytes.resize(usable_);
  return page;
}

// A table leaf's payload of `size` bytes, of which `rest` holds the beginning.
Result<std::string> Look::payload(std::string_view rest, uint64_t size) {
  if (size > kMaxPayload) return unexpected(Error{EFBIG, "row"});
  const size_t most = usable_ - 35, least = (usable_ - 12) * 32 / 255 - 23;
  if (size <= most) return size <= rest.size() ? Result(std::string(rest.substr(0, size))) : damaged("cell");
  const size_t fitting = least + (size - least) % (usable_ - 4);
  const size_t local = fitting <= most ? fitting : least;
  if (rest.size() < local + 4) return damaged("cell");
  std::string text(rest.substr(0, local));
  uint64_t next = number(rest, local, 4);
  while (text.size() < size) {
    auto more = read(next);
    if (!more) return more;
    text.append(*more, 4, std::min(usable_ - 4, size - text.size()));
    next = number(*more, 0, 4);
  }
  return text;
}

Result<void> Look::take_leaf(const Page& leaf, std::vector<Values>& rows) {
  for (size_t i = 0; i < leaf.cells(); ++i) {
    std::string_view cell = leaf.cell(i);
    const auto size = take_varint(cell);
    if (!size || !take_varint(cell)) return damaged("cell");
    auto text = payload(cell, *size);
    if (!text) return unexpected(text.error());
    auto values = parse_record(*text);
    if (!values) return damaged("record");
    if (rows.size() >= kMaxRows || text->size() > bytes_left_) return unexpected(Error{EFBIG, "rows"});
    bytes_left_ -= text->size();
    rows.push_back(std::move(*values));
  }
  return {};
}

Result<void> Look::take_rows(uint64_t id, int depth, std::vector<Values>& rows) {
  if (depth >= kDeepest) return damaged("too deep");
  auto node = page(id, kTableLeaf, kTableInner);
  if (!node) return unexpected(node.error());
  if (!node->is_inner()) return take_leaf(*node, rows);
  for (size_t i = 0; i < node->cells(); ++i) {
    if (auto taken = take_rows(number(node->cell(i), 0, 4), depth + 1, rows); !taken) return taken;
  }
  return take_rows(node->right(), depth + 1, rows);
}

Result<std::vector<Look::Values>> Look::rows(uint64_t root) {
  std::vector<Values> rows;
  if (auto taken = take_rows(root, 0, rows); !taken) return unexpected(taken.error());
  return rows;
}

// From page 1: type, name, table, root page, SQL. The first index that SQLite makes by itself is the primary key's.
Result<Look::Table> Look::table(std::string_view name, std::initializer_list<std::string_view> columns) {
  auto schema = rows(1);
  if (!schema) return unexpected(schema.error());
  const std::string index_name = "sqlite_autoindex_" + std::string(name) + "_1";
  Table table;
  Values names;
  for (const Values& entry : *schema) {
    if (entry.size() < 5) continue;
    const uint64_t root = parse_u64(entry[3]).value_or(0);
    if (entry[0] == "index" && same_name(entry[1], index_name)) table.index = root;
    if (entry[0] != "table" || !same_name(entry[1], name)) continue;
    table.root = root;
    names = column_names(entry[4]);
  }
  if (table.root == 0) return missing(name);
  for (const std::string_view column : columns) {
    size_t at = 0;
    while (at < names.size() && !same_name(names[at], column)) ++at;
    if (at == names.size()) return missing(column);
    table.columns.push_back(at);
  }
  return table;
}

// An index's record is {key, rowid}; inner pages hold records as well.
Result<uint64_t> Look::rowid_of(uint64_t index, std::string_view key) {
  for (int depth = 0; depth < kDeepest; ++depth) {
    auto node = page(index, kIndexLeaf, kIndexInner);
    if (!node) return unexpected(node.error());
    index = node->is_inner() ? node->right() : 0;
    for (size_t i = 0; i < node->cells(); ++i) {
      std::string_view cell = node->cell(i);
      const uint64_t left = node->is_inner() ? number(cell, 0, 4) : 0;
      if (node->is_inner()) cell.remove_prefix(std::min<size_t>(4, cell.size()));
      const auto size = take_varint(cell);
      if (!size || *size > cell.size()) return damaged("cell");
      const auto values = parse_record(cell.substr(0, *size));
      if (!values || values->size() != 2) return damaged("index");
      if ((*values)[0] == key) return parse_u64((*values)[1]).value_or(0);
      if ((*values)[0] < key) continue;
      index = left;
      break;
    }
    if (!node->is_inner()) return missing(key);
  }
  return damaged("too deep");
}

// An inner cell is {left child, greatest rowid in it}.
Result<Look::Values> Look::row_of(uint64_t root, uint64_t rowid) {
  for (int depth = 0; depth < kDeepest; ++depth) {
    auto node = page(root, kTableLeaf, kTableInner);
    if (!node) return unexpected(node.error());
    const bool inner = node->is_inner();
    root = inner ? node->right() : 0;
    for (size_t i = 0; i < node->cells(); ++i) {
      std::string_view cell = node->cell(i);
      const uint64_t left = number(cell, 0, 4);
      if (inner) cell.remove_prefix(std::min<size_t>(4, cell.size()));
      const auto size = inner ? std::optional<uint64_t>(0) : take_varint(cell);
      const auto key = take_varint(cell);
      if (!size || !key) return damaged("cell");
      if (inner && *key < rowid) continue;
      root = left;
      if (inner) break;
      if (*key != rowid) continue;
      auto text = payload(cell, *size);
      if (!text) return unexpected(text.error());
      auto values = parse_record(*text);
      return values ? Result(std::move(*values)) : damaged("record");
    }
    if (!inner) return missing("row");
  }
  return damaged("too deep");
}

// Columns that were added to the table later are missing in older rows: NULL.
SqliteFile::Row pick(const std::vector<std::string>& values, const std::vector<size_t>& columns) {
  SqliteFile::Row row;
  for (const size_t column : columns) row.push_back(column < values.size() ? values[column] : std::string());
  return row;
}

Result<SqliteFile::Row> Look::find(std::string_view name, std::string_view id,
                                   std::initializer_list<std::string_view> columns) {
  const auto place = table(name, columns);
  if (!place) return unexpected(place.error());
  const auto rowid = rowid_of(place->index, id);
  if (!rowid) return unexpected(rowid.error());
  const auto values = row_of(place->root, *rowid);
  if (!values) return unexpected(values.error());
  return pick(*values, place->columns);
}

Result<std::vector<SqliteFile::Row>> Look::list(std::string_view name,
                                                std::initializer_list<std::string_view> columns) {
  const auto place = table(name, columns);
  if (!place) return unexpected(place.error());
  const auto found = rows(place->root);
  if (!found) return unexpected(found.error());
  std::vector<SqliteFile::Row> picked;
  for (const Values& values : *found) picked.push_back(pick(values, place->columns));
  return picked;
}

bool is_being_written(const std::string& journal) {
  struct stat st;
  return !journal.empty() && ::lstat(journal.c_str(), &st) == 0 && st.st_size > 0;
}

// What `read` gives from within one transaction.
template <typename T, typename Read>
Result<T> consistently(int fd, const std::string& journal, Read read) {
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    Look look(fd);
    const auto before = look.start();
    if (!before) return unexpected(before.error());
    if (is_being_written(journal)) continue;
    Result<T> result = read(look);
    const auto after = Look(fd).start();
    if (after && *after == *before && !is_being_written(journal)) return result;
  }
  return unexpected(Error{EAGAIN, "database"});
}

}  // namespace

Result<SqliteFile::Row> SqliteFile::find(std::string_view table, std::string_view id,
                                         std::initializer_list<std::string_view> columns) const {
  return consistently<Row>(fd_.get(), journal_, [&](Look& look) { return look.find(table, id, columns); });
}

Result<std::vector<SqliteFile::Row>> SqliteFile::list(std::string_view table,
                                                      std::initializer_list<std::string_view> columns) const {
  return consistently<std::vector<Row>>(fd_.get(), journal_, [&](Look& look) { return look.list(table, columns); });
}

}  // namespace plimsoll::engine
