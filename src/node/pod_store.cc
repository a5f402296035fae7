#include "node/pod_store.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/number.h"
#include "node/files.h"

namespace insula::node {
namespace {

std::vector<std::string> words_of(std::string_view line) {
  std::vector<std::string> out;
  while (!line.empty()) {
    const std::size_t end = std::min(line.find(' '), line.size());
    if (end > 0) out.emplace_back(line.substr(0, end));
    line.remove_prefix(std::min(end + 1, line.size()));
  }
  return out;
}

std::vector<std::vector<std::string>> lines_of(const std::string& text) {
  std::vector<std::vector<std::string>> out;
  std::string_view rest = text;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    out.push_back(words_of(rest.substr(0, end)));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return out;
}

// Blank-separated files need something for nothing.
std::string or_dash(const std::string& text) {
  return text.empty() ? "-" : text;
}

std::string from_dash(const std::string& text) {
  return text == "-" ? "" : text;
}

}  // namespace

Result<> save_sandbox(const Sandbox& sandbox) {
  std::string text = fmt::format("ip {}\n", sandbox.ip.text());
  if (sandbox.user_base) text += fmt::format("user {}\n", *sandbox.user_base);
  return replace_file(sandbox.dir + "/sandbox", text, 0600);
}

Result<> load_sandbox(Sandbox& sandbox) {
  INSULA_TRY(const std::string text, read_file(sandbox.dir + "/sandbox"));
  for (const auto& words : lines_of(text)) {
    if (words.size() != 2) continue;
    if (words[0] == "ip") sandbox.ip = parse_ipv4(words[1]).value_or(Ipv4{});
    if (words[0] == "user") {
      std::uint32_t base = 0;
      std::from_chars(words[1].data(), words[1].data() + words[1].size(), base);
      sandbox.user_base = base;
    }
  }
  return {};
}

Result<> save_gpus(const std::string& pod_dir, const std::vector<HeldGpus>& held) {
  std::string text;
  for (const HeldGpus& item : held) {
    text += fmt::format("{} {} {} {} {}\n", or_dash(item.holder.tenant), item.holder.name_space,
                        item.holder.pod, item.holder.container, fmt::join(item.uuids, " "));
  }
  return replace_file(pod_dir + "/gpus", text, 0600);
}

std::vector<HeldGpus> load_gpus(const std::string& pod_dir) {
  std::vector<HeldGpus> out;
  const Result<std::string> text = read_file(pod_dir + "/gpus");
  if (!text) return out;
  for (const auto& words : lines_of(*text)) {
    if (words.size() < 5) continue;
    out.push_back(
        {{from_dash(words[0]), words[1], words[2], words[3]}, {words.begin() + 4, words.end()}});
  }
  return out;
}

int newest_run(const std::string& container_dir) {
  int newest = -1;
  for (const std::string& name : names_in(container_dir)) {
    newest = std::max(newest, parse_whole<int>(name).value_or(-1));
  }
  return newest;
}

}  // namespace insula::node
