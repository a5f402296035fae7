#include "http/framing.h"

#include <algorithm>
#include <cstring>

#include "http/scan.h"

namespace insula::http {
namespace {

// Sixteen digits fill 64 bits; fifteen keep sums of sizes from wrapping as well.
constexpr int kSizeValueDigitsMax = 15;
// Some servers pad the size with zeros to a fixed width.
constexpr int kSizeDigitsMax = 16;

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/// May stand in an extension or a trailer's value.
bool is_text(char c) {
  return c == '\t' || (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f);
}

}  // namespace

BodyFramer BodyFramer::of_length(std::uint64_t bytes) {
  BodyFramer framer;
  framer.left_ = bytes;
  framer.state_ = bytes == 0 ? State::kDone : State::kLength;
  return framer;
}

BodyFramer BodyFramer::chunked() {
  BodyFramer framer;
  framer.state_ = State::kSize;
  framer.chunked_ = true;
  return framer;
}

BodyFramer BodyFramer::until_close() {
  BodyFramer framer;
  framer.state_ = State::kUntilClose;
  return framer;
}

BodyFramer BodyFramer::of(const RequestHead& head) {
  return head.chunked ? chunked() : of_length(head.content_length.value_or(0));
}

BodyFramer BodyFramer::of(const ResponseHead& head, std::string_view method) {
  if (head.status < 200 || head.status == 204 || head.status == 304 || method == "HEAD") return {};
  if (head.chunked) return chunked();
  return head.content_length ? of_length(*head.content_length) : until_close();
}

void BodyFramer::refuse(Refusal why) {
  state_ = State::kRefused;
  refusal_ = why;
}

void BodyFramer::step_size(char c) {
  switch (state_) {
    case State::kSize:
      if (const int digit = hex_digit(c); digit >= 0) {
        if (++digits_ > kSizeDigitsMax || left_ >> (4 * (kSizeValueDigitsMax - 1)) != 0) {
          return refuse(Refusal::kChunkSize);
        }
        left_ = left_ * 16 + static_cast<std::uint64_t>(digit);
      } else if (digits_ > 0 && c == '\r') {
        state_ = State::kSizeLf;
      } else if (digits_ > 0 && c == ';') {
        state_ = State::kExtension;
      } else {
        refuse(Refusal::kChunkSize);
      }
      return;
    case State::kExtension:
      if (c == '\r') {
        state_ = State::kSizeLf;
      } else if (!is_text(c) || ++overhead_ > kChunkOverheadMax) {
        refuse(Refusal::kChunkExtension);
      }
      return;
    default:  // kSizeLf
      if (c != '\n') return refuse(Refusal::kChunkSize);
      state_ = left_ == 0 ? State::kTrailerStart : State::kPayload;
      digits_ = 0;
  }
}

void BodyFramer::step_trailer(char c) {
  if (++overhead_ > kChunkOverheadMax) return refuse(Refusal::kTrailer);
  switch (state_) {
    case State::kTrailerStart:
      if (c == '\r') {
        state_ = State::kEndLf;
      } else if (kChars.is(c, CharTable::kToken)) {
        state_ = State::kTrailerName;
      } else {
        refuse(Refusal::kTrailer);
      }
      return;
    case State::kTrailerName:
      if (c == ':') {
        state_ = State::kTrailerValue;
      } else if (!kChars.is(c, CharTable::kToken)) {
        refuse(Refusal::kTrailer);
      }
      return;
    case State::kTrailerValue:
      if (c == '\r') {
        state_ = State::kTrailerLf;
      } else if (!is_text(c)) {
        refuse(Refusal::kTrailer);
      }
      return;
    default:  // kTrailerLf, kEndLf
      if (c != '\n') return refuse(Refusal::kTrailer);
      state_ = state_ == State::kEndLf ? State::kDone : State::kTrailerStart;
  }
}

void BodyFramer::step_framing(char c) {
  switch (state_) {
    case State::kSize:
    case State::kExtension:
    case State::kSizeLf:
      return step_size(c);
    case State::kPayloadCr:
      if (c != '\r') return refuse(Refusal::kChunkEnd);
      state_ = State::kPayloadLf;
      return;
    case State::kPayloadLf:
      if (c != '\n') return refuse(Refusal::kChunkEnd);
      state_ = State::kSize;
      return;
    default:
      return step_trailer(c);
  }
}

BodyFramer::Step BodyFramer::next(std::string_view bytes) {
  std::size_t i = 0;
  while (i < bytes.size()) {
    switch (state_) {
      case State::kDone:
      case State::kRefused:
        return {i, {}};
      case State::kUntilClose:
        return {bytes.size(), bytes};
      case State::kLength:
      case State::kPayload: {
        const std::string_view data = bytes.substr(
            i, static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size() - i)));
        left_ -= data.size();
        if (left_ == 0) state_ = state_ == State::kLength ? State::kDone : State::kPayloadCr;
        return {i + data.size(), data};
      }
      default:
        step_framing(bytes[i]);
        i += state_ != State::kRefused;
    }
  }
  return {i, {}};
}

std::size_t BodyFramer::pass(std::string_view bytes) {
  std::size_t used = 0;
  while (used < bytes.size() && !done() && refusal_ == Refusal::kNone)
    used += next(bytes.substr(used)).used;
  return used;
}

BodyFramer::Decoded BodyFramer::decode(std::span<char> bytes) {
  Decoded out;
  while (out.used < bytes.size() && !done() && refusal_ == Refusal::kNone) {
    const Step step = next({bytes.data() + out.used, bytes.size() - out.used});
    if (!step.data.empty() && step.data.data() != bytes.data() + out.payload) {
      std::memmove(bytes.data() + out.payload, step.data.data(), step.data.size());
    }
    out.payload += step.data.size();
    out.used += step.used;
  }
  return out;
}

}  // namespace insula::http
