// SPDX-License-Identifier: Apache-2.0
#include "exporter/http/answer.h"

#include <civetweb.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>

#include "base/text.h"

namespace plimsoll::exporter {
namespace {

constexpr std::string_view kNoSniff = "X-Content-Type-Options";

bool send(mg_connection* connection, std::string_view text) {
  return text.empty() || mg_write(connection, text.data(), text.size()) == static_cast<int>(text.size());
}

bool has(const Headers& headers, std::string_view name) {
  return std::any_of(headers.begin(), headers.end(), [&](const auto& each) { return same_name(each.first, name); });
}

// Status line and all headers but those that say where the body ends; without the empty line.
std::string response_head(mg_connection* connection, const Response& response, const AnswerOptions& options) {
  std::string head = "HTTP/1.1 " + std::to_string(response.status) + " ";
  head += mg_get_response_code_text(connection, response.status);
  head += "\r\nContent-Type: " + response.content_type;
  head += options.keep_alive ? "\r\nConnection: keep-alive\r\n" : "\r\nConnection: close\r\n";
  for (const Headers* list : {&response.headers, &options.extra}) {
    for (const auto& [name, value] : *list) head += name + ": " + value + "\r\n";
  }
  if (!has(options.extra, kNoSniff)) head.append(kNoSniff).append(": nosniff\r\n");
  if (response.status == 405) head.append("Allow: ").append(options.allow).append("\r\n");
  return head;
}

bool send_last(mg_connection* connection, std::string_view text, const AnswerOptions& options) {
  if (options.before_last) options.before_last();
  return send(connection, text);
}

std::string chunk_heading(size_t size) {
  std::array<char, 24> digits;
  const char* const last = std::to_chars(digits.data(), digits.data() + digits.size(), size, 16).ptr;
  return std::string(digits.data(), static_cast<size_t>(last - digits.data())) + "\r\n";
}

bool send_pieces(mg_connection* connection, const Response& response, std::string head, const AnswerOptions& options) {
  const bool chunked = options.chunked;
  head += chunked ? "Transfer-Encoding: chunked\r\n\r\n" : "\r\n";
  std::string piece;
  while (response.next(piece)) {
    if (piece.empty()) continue;  // a chunk of length 0 would end the answer
    if (chunked) {
      head += chunk_heading(piece.size());
      piece += "\r\n";
    }
    if (!send(connection, head) || !send(connection, piece)) return false;
    head.clear();
  }
  return chunked ? send_last(connection, head + "0\r\n\r\n", options) : send(connection, head);
}

}  // namespace

bool same_name(std::string_view a, std::string_view b) {
  const auto same = [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), same);
}

bool lists(std::string_view list, std::string_view word) {
  while (!list.empty()) {
    if (same_name(trim(take(list, ',')), word)) return true;
  }
  return false;
}

bool send_answer(mg_connection* connection, const Response& response, const AnswerOptions& options) {
  std::string head = response_head(connection, response, options);
  if (!response.next) {
    head += "Content-Length: " + std::to_string(response.body.size()) + "\r\n\r\n";
    if (!options.head_only) head += response.body;
    return send_last(connection, head, options);
  }
  if (options.head_only)
    return send(connection, head + (options.chunked ? "Transfer-Encoding: chunked\r\n\r\n" : "\r\n"));
  return send_pieces(connection, response, std::move(head), options);
}

}  // namespace plimsoll::exporter
