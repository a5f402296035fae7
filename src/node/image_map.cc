#include "node/image_map.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "node/files.h"

namespace insula::node {
namespace {

constexpr std::size_t kNameBytesMax = 512;
constexpr std::string_view kForm =
    "expected NAME = builtin:llm-sim, NAME = host:/path/of/program [ARGUMENT...] or NAME = "
    "image:OTHER";

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r";
  const std::size_t first = text.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("._-/:@").find(c) != std::string_view::npos;
}

Result<std::vector<std::string>> split_words(std::string_view text) {
  std::vector<std::string> out;
  std::string word;
  bool in_word = false;
  bool quoted = false;
  for (const char c : text) {
    if (c == '"') {
      quoted = !quoted;
      in_word = true;
    } else if ((c == ' ' || c == '\t') && !quoted) {
      if (in_word) out.push_back(std::exchange(word, {}));
      in_word = false;
    } else {
      word += c;
      in_word = true;
    }
  }
  if (quoted) return fail(ErrorCode::kInvalid, "a quotation mark is not closed");
  if (in_word) out.push_back(std::move(word));
  return out;
}

Result<ImageSource> parse_source(std::string_view text) {
  const std::size_t colon = text.find(':');
  const std::string_view scheme = text.substr(0, colon);
  const std::string_view rest =
      colon == std::string_view::npos ? std::string_view() : text.substr(colon + 1);
  ImageSource source;
  if (scheme == "builtin") {
    if (rest != "llm-sim")
      return fail(ErrorCode::kInvalid,
                  fmt::format("no built-in image \"{}\"; there is llm-sim", rest));
    source.kind = ImageSourceKind::kBuiltin;
    source.words = {std::string(rest)};
    return source;
  }
  if (scheme == "image") {
    source.kind = ImageSourceKind::kImported;
    INSULA_TRY(std::string name, normalized_image(rest));
    source.words = {std::move(name)};
    return source;
  }
  if (scheme != "host") return fail(ErrorCode::kInvalid, std::string(kForm));
  source.kind = ImageSourceKind::kHost;
  INSULA_TRY(const std::vector<std::string> words, split_words(rest));
  for (const std::string& word : words) {
    if (word.starts_with("+/")) {
      source.host_paths.push_back(word.substr(1));
    } else {
      source.words.push_back(word);
    }
  }
  if (source.words.empty() || !source.words.front().starts_with('/')) {
    return fail(ErrorCode::kInvalid, "host: needs the absolute path of a program");
  }
  return source;
}

}  // namespace

Result<std::string> normalized_image(std::string_view name) {
  if (name.empty()) return fail(ErrorCode::kInvalid, "the image name is empty");
  const auto refuse = [name] {
    return fail(ErrorCode::kInvalid,
                fmt::format("\"{}\" is not an image name", name.substr(0, kNameBytesMax)));
  };
  if (!std::ranges::all_of(name, is_name_character) || name.front() == '/' || name.back() == '/' ||
      name.back() == ':') {
    return refuse();
  }
  const std::size_t slash = name.find('/');
  const std::string_view first = name.substr(0, slash);
  const bool has_registry =
      slash != std::string_view::npos &&
      (first.find_first_of(".:") != std::string_view::npos || first == "localhost");
  std::string out(name);
  if (!has_registry)
    out = (slash == std::string_view::npos ? "docker.io/library/" : "docker.io/") + out;
  const std::size_t last_slash = out.rfind('/');
  if (out.find_first_of(":@", last_slash) == std::string::npos) out += ":latest";
  // As a whole: its normal form is a name, too.
  if (out.size() > kNameBytesMax) return refuse();
  return out;
}

std::string ImageSource::text() const {
  switch (kind) {
    case ImageSourceKind::kBuiltin:
      return "builtin:" + words.front();
    case ImageSourceKind::kHost:
      return fmt::format("host:{}", fmt::join(words, " "));
    case ImageSourceKind::kImported:
      return "image:" + words.front();
  }
  std::unreachable();
}

ImageMap::ImageMap() {
  sources_.emplace("docker.io/insula/llm-sim:latest",
                   ImageSource{ImageSourceKind::kBuiltin, {"llm-sim"}, {}});
}

Result<> ImageMap::add(std::string_view line) {
  const std::size_t equals = line.find('=');
  if (equals == std::string_view::npos) return fail(ErrorCode::kInvalid, std::string(kForm));
  INSULA_TRY(std::string name, normalized_image(trimmed(line.substr(0, equals))));
  INSULA_TRY(ImageSource source, parse_source(trimmed(line.substr(equals + 1))));
  sources_.insert_or_assign(std::move(name), std::move(source));
  return {};
}

Result<> ImageMap::add_file(const std::string& path) {
  INSULA_TRY(const std::string text, read_file(path));
  int number = 0;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    const std::string_view line = trimmed(std::string_view(text).substr(at, end - at));
    at = end + 1;
    ++number;
    if (line.empty() || line.front() == '#') continue;
    if (Result<> added = add(line); !added) {
      return std::unexpected(std::move(added).error().in(fmt::format("{}:{}", path, number)));
    }
  }
  return {};
}

const ImageSource* ImageMap::find(std::string_view image) const {
  const Result<std::string> name = normalized_image(image);
  if (!name) return nullptr;
  const auto found = sources_.find(*name);
  return found == sources_.end() ? nullptr : &found->second;
}

}  // namespace insula::node
