#include "redis/reply_parser.h"

#include <string>

#include <fmt/format.h>

#include "base/number.h"

namespace insula::redis {
namespace {

std::unexpected<Error> no_reply(std::string_view why) {
  return fail(ErrorCode::kUpstream, fmt::format("no reply of the Redis protocol: {}", why));
}

/// One pass over the bytes there are. Each step gives false when they end too early.
class Pass {
 public:
  Pass(std::string_view bytes, const ReplyLimits& limits) : bytes_(bytes), limits_(limits) {}

  [[nodiscard]] std::size_t read() const { return at_; }

  /// A reply that answers something.
  Result<bool> answer(Reply& reply) {
    for (;;) {
      if (at_ == bytes_.size()) return false;
      const bool unasked = bytes_[at_] == '>';
      INSULA_TRY(const bool whole, value(reply, 0));
      if (!whole || !unasked) return whole;
      reply = {};
    }
  }

 private:
  Result<bool> value(Reply& reply, std::size_t depth) {
    if (depth > limits_.depth) return no_reply("it is nested too deeply");
    if (at_ == bytes_.size()) return false;
    const char type = bytes_[at_];
    std::string_view line;
    if (!take_line(line)) return false;
    line.remove_prefix(1);
    switch (type) {
      case '+':
      case ',':
      case '(':
        reply.kind = Reply::Kind::kText;
        reply.text = line;
        return true;
      case '-':
        reply.kind = Reply::Kind::kError;
        reply.text = line;
        return true;
      case ':':
        return integer(line, reply);
      case '#':
        if (line != "t" && line != "f") return no_reply("a boolean is neither t nor f");
        reply.kind = Reply::Kind::kInteger;
        reply.integer = line == "t" ? 1 : 0;
        return true;
      case '_':
        return true;
      case '$':
      case '=':
      case '!':
        return blob(type, line, reply);
      case '*':
      case '~':
      case '>':
        return array(line, 1, reply, depth);
      case '%':
        return array(line, 2, reply, depth);
      case '|':
        return attribute(line, reply, depth);
      default:
        return no_reply("a value of an unknown type");
    }
  }

  bool take_line(std::string_view& line) {
    const std::size_t end = bytes_.find("\r\n", at_);
    if (end == std::string_view::npos) return false;
    line = bytes_.substr(at_, end - at_);
    at_ = end + 2;
    return true;
  }

  static Result<bool> integer(std::string_view line, Reply& reply) {
    const auto number = parse_whole<std::int64_t>(line.starts_with('+') ? line.substr(1) : line);
    if (!number) return no_reply("a number is none");
    reply.kind = Reply::Kind::kInteger;
    reply.integer = *number;
    return true;
  }

  Result<bool> blob(char type, std::string_view line, Reply& reply) {
    if (line == "-1") return true;
    const auto length = parse_whole<std::size_t>(line);
    if (!length || *length > limits_.bytes) return no_reply("a text is too long");
    if (bytes_.size() - at_ < *length + 2) return false;
    if (bytes_.substr(at_ + *length, 2) != "\r\n") return no_reply("a text has no end");
    std::string_view text = bytes_.substr(at_, *length);
    at_ += *length + 2;
    // Verbatim texts begin with three letters of their format.
    constexpr std::size_t kFormatBytes = 4;
    if (type == '=') {
      if (text.size() < kFormatBytes || text[kFormatBytes - 1] != ':')
        return no_reply("a verbatim text has no format");
      text.remove_prefix(kFormatBytes);
    }
    reply.kind = type == '!' ? Reply::Kind::kError : Reply::Kind::kText;
    reply.text = text;
    return true;
  }

  /// How many values follow; nothing when there is no array at all.
  Result<std::optional<std::size_t>> count(std::string_view line, std::size_t each) {
    if (line == "-1") return std::nullopt;
    const auto number = parse_whole<std::size_t>(line);
    if (!number || *number > limits_.items) return no_reply("an array is too long");
    items_ += *number * each;
    if (items_ > limits_.items) return no_reply("it has too many values");
    return *number * each;
  }

  Result<bool> array(std::string_view line, std::size_t each, Reply& reply, std::size_t depth) {
    INSULA_TRY(const auto length, count(line, each));
    if (!length) return true;
    reply.kind = Reply::Kind::kArray;
    for (std::size_t i = 0; i < *length; ++i) {
      INSULA_TRY(const bool whole, value(reply.items.emplace_back(), depth + 1));
      if (!whole) return false;
    }
    return true;
  }

  /// Comes before the value that it says something of.
  Result<bool> attribute(std::string_view line, Reply& reply, std::size_t depth) {
    Reply ignored;
    INSULA_TRY(const bool whole, array(line, 2, ignored, depth));
    if (!whole) return false;
    return value(reply, depth + 1);
  }

  std::string_view bytes_;
  const ReplyLimits& limits_;
  std::size_t at_ = 0;
  std::size_t items_ = 0;
};

}  // namespace

Result<std::optional<std::pair<Reply, std::size_t>>> parse_reply(std::string_view bytes,
                                                                 const ReplyLimits& limits) {
  Pass pass(bytes, limits);
  Reply reply;
  INSULA_TRY(const bool whole, pass.answer(reply));
  if (whole) return std::pair(std::move(reply), pass.read());
  if (bytes.size() > limits.bytes) return no_reply("it is too long");
  return std::nullopt;
}

}  // namespace insula::redis
