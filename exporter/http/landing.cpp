// SPDX-License-Identifier: Apache-2.0
#include "exporter/http/landing.h"

namespace plimsoll::exporter {
namespace {

std::string escaped(std::string_view text) {
  std::string out;
  for (char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

}  // namespace

std::string landing_page(std::string_view name, std::string_view version, std::span<const Link> links) {
  const std::string title = escaped(name) + " " + escaped(version);
  std::string page = "<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>" + title + "</title>";
  page +=
      "<style>body{font:16px/1.5 system-ui,sans-serif;margin:3em auto;max-width:40em;padding:0 1em}</style></head>\n";
  page +=
      "<body>\n<h1>" + title + "</h1>\n<p>Shows the load of this host and of its containers to Prometheus.</p>\n<ul>\n";
  for (const Link& link : links) {
    const std::string path = escaped(link.path);
    page += "<li><a href=\"" + path + "\">" + path + "</a>: " + escaped(link.description) + "</li>\n";
  }
  return page + "</ul>\n</body>\n</html>\n";
}

}  // namespace plimsoll::exporter
