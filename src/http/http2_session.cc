#include "http/http2_session.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include <nghttp2/nghttp2.h>

#include "base/check.h"
#include "http/http2_memory.h"

namespace insula::http {
namespace {

constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Types of frames from here on are extensions (RFC 9113 section 5.5).
constexpr unsigned kExtensionTypeMin = 10;
constexpr unsigned kExtensionTypeMax = 255;

std::string_view view(const std::uint8_t* bytes, std::size_t size) {
  return {reinterpret_cast<const char*>(bytes), size};
}

const std::uint8_t* bytes_of(std::string_view text) {
  return reinterpret_cast<const std::uint8_t*>(text.data());
}

/// Values that hardly come twice are not put into the table of fields, where each would push out
/// one that does (RFC 7541 section 6.2.3).
std::uint8_t flags_of(std::string_view name) {
  const bool unique = name == "x-request-id" || name.contains("ratelimit");
  return unique ? NGHTTP2_NV_FLAG_NO_INDEX : NGHTTP2_NV_FLAG_NONE;
}

nghttp2_nv pair_of(std::string_view name, std::string_view value) {
  // Copied at once by the library, which takes pointers to what it does not change.
  return {.name = const_cast<std::uint8_t*>(bytes_of(name)),
          .value = const_cast<std::uint8_t*>(bytes_of(value)),
          .namelen = name.size(),
          .valuelen = value.size(),
          .flags = flags_of(name)};
}

std::uint32_t code_of(Http2Error why) {
  return std::to_underlying(why);
}

}  // namespace

Preface match_http2_preface(std::string_view bytes) {
  const std::size_t size = std::min(bytes.size(), kPreface.size());
  if (bytes.substr(0, size) != kPreface.substr(0, size)) return Preface::kNo;
  return size == kPreface.size() ? Preface::kWhole : Preface::kPart;
}

/// What libnghttp2 calls. `self` is the session.
// NOLINTBEGIN(readability-function-size): the parameters are those that libnghttp2 gives
struct Http2Session::Callbacks {
  static Http2StreamHandler* stream_of(nghttp2_session* session, StreamId id) {
    return static_cast<Http2StreamHandler*>(nghttp2_session_get_stream_user_data(session, id));
  }

  static bool is_request(const nghttp2_frame& frame) {
    return frame.hd.type == NGHTTP2_HEADERS && frame.headers.cat == NGHTTP2_HCAT_REQUEST;
  }

  /// A piece of a body without any bytes, but perhaps with the length of its padding.
  static bool is_empty_piece(const nghttp2_frame_hd& frame) {
    const std::size_t padding_length = (frame.flags & NGHTTP2_FLAG_PADDED) != 0 ? 1 : 0;
    return frame.length <= padding_length && (frame.flags & NGHTTP2_FLAG_END_STREAM) == 0;
  }

  static int begin_frame(nghttp2_session* session, const nghttp2_frame_hd* frame, void* self) {
    auto& me = *static_cast<Http2Session*>(self);
    switch (frame->type) {
      case NGHTTP2_CONTINUATION:
        return ++me.continuations_ > kContinuationsMax ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
      case NGHTTP2_DATA:
        if (is_empty_piece(*frame)) --me.idle_frames_left_;
        break;
      case NGHTTP2_WINDOW_UPDATE:
        --me.window_updates_left_;
        break;
      case NGHTTP2_HEADERS:
        break;
      case NGHTTP2_PRIORITY:
        --me.idle_frames_left_;
        // The library looks at no priorities, so that it does not refuse this one (section 6.3).
        if (frame->stream_id == 0) {
          me.ended_for_ = Http2Error::kProtocol;
          return NGHTTP2_ERR_CALLBACK_FAILURE;
        }
        break;
      default:
        --me.idle_frames_left_;
    }
    me.continuations_ = 0;
    const bool flooded = me.idle_frames_left_ < 0 || me.window_updates_left_ < 0 ||
                         nghttp2_session_get_outbound_queue_size(session) > kUnsentFramesMax;
    return flooded ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
  }

  /// Extensions are ignored, but they are frames.
  static int unpack_extension(nghttp2_session* /*session*/,
                              void** /*payload*/,
                              const nghttp2_frame_hd* /*frame*/,
                              void* /*self*/) {
    return NGHTTP2_ERR_CANCEL;
  }

  /// Streams that the client made us end are held against it, since they do not count as open while
  /// what they began may still run (CVE-2025-8671).
  static int frame_sent(nghttp2_session* /*session*/, const nghttp2_frame* frame, void* self) {
    auto& me = *static_cast<Http2Session*>(self);
    switch (frame->hd.type) {
      case NGHTTP2_HEADERS:
      case NGHTTP2_DATA:
        me.window_updates_left_ =
            std::min(me.window_updates_left_ + kWindowUpdatesPerFrame, kWindowUpdatesMax);
        break;
      case NGHTTP2_RST_STREAM:
        if (is_fault_of_client(frame->rst_stream.error_code)) --me.idle_frames_left_;
        break;
      default:
        break;
    }
    return 0;
  }

  /// What the library ends a stream with, and we never do.
  static bool is_fault_of_client(std::uint32_t code) {
    return code == NGHTTP2_PROTOCOL_ERROR || code == NGHTTP2_FLOW_CONTROL_ERROR ||
           code == NGHTTP2_STREAM_CLOSED || code == NGHTTP2_FRAME_SIZE_ERROR;
  }

  static int begin_headers(nghttp2_session* /*session*/,
                           const nghttp2_frame* /*frame*/,
                           void* self) {
    auto& me = *static_cast<Http2Session*>(self);
    me.in_head_ = true;
    me.head_ = Http2Head(me.head_limits_);
    return 0;
  }

  static int header(nghttp2_session* /*session*/,
                    const nghttp2_frame* frame,
                    const std::uint8_t* name,
                    std::size_t name_size,
                    const std::uint8_t* value,
                    std::size_t value_size,
                    std::uint8_t /*flags*/,
                    void* self) {
    // Trailers are nobody's business here; they are decoded and forgotten.
    if (is_request(*frame))
      static_cast<Http2Session*>(self)->head_.add(view(name, name_size), view(value, value_size));
    return 0;
  }

  static int invalid_header(nghttp2_session* /*session*/,
                            const nghttp2_frame* frame,
                            const std::uint8_t* /*name*/,
                            std::size_t /*name_size*/,
                            const std::uint8_t* /*value*/,
                            std::size_t /*value_size*/,
                            std::uint8_t /*flags*/,
                            void* self) {
    if (is_request(*frame)) static_cast<Http2Session*>(self)->head_.add_invalid();
    return 0;
  }

  static int frame_received(nghttp2_session* session, const nghttp2_frame* frame, void* self) {
    auto& me = *static_cast<Http2Session*>(self);
    const StreamId id = frame->hd.stream_id;
    const bool ended = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    if (frame->hd.type == NGHTTP2_HEADERS) me.in_head_ = false;
    if (is_request(*frame)) {
      Http2StreamHandler* stream =
          me.handler_.on_request(id, std::exchange(me.head_, Http2Head(me.head_limits_)), ended);
      if (stream == nullptr) {
        me.reset(id, Http2Error::kRefusedStream);
      } else {
        nghttp2_session_set_stream_user_data(session, id, stream);
      }
      return 0;
    }
    if (ended && (frame->hd.type == NGHTTP2_DATA || frame->hd.type == NGHTTP2_HEADERS)) {
      if (Http2StreamHandler* stream = stream_of(session, id)) stream->on_body_end();
    }
    return 0;
  }

  static int invalid_frame(nghttp2_session* /*session*/,
                           const nghttp2_frame* /*frame*/,
                           int /*error*/,
                           void* self) {
    static_cast<Http2Session*>(self)->in_head_ = false;
    return 0;
  }

  static int data(nghttp2_session* session,
                  std::uint8_t /*flags*/,
                  StreamId id,
                  const std::uint8_t* bytes,
                  std::size_t size,
                  void* /*self*/) {
    if (Http2StreamHandler* stream = stream_of(session, id)) {
      stream->on_body(view(bytes, size));
    } else {
      nghttp2_session_consume(session, id, size);
    }
    return 0;
  }

  static int stream_closed(nghttp2_session* session,
                           StreamId id,
                           std::uint32_t /*code*/,
                           void* /*self*/) {
    if (Http2StreamHandler* stream = stream_of(session, id)) {
      nghttp2_session_set_stream_user_data(session, id, nullptr);
      stream->on_close();
    }
    return 0;
  }

  static ssize_t read_body(nghttp2_session* session,
                           StreamId id,
                           std::uint8_t* into,
                           std::size_t size,
                           std::uint32_t* flags,
                           nghttp2_data_source* /*source*/,
                           void* /*self*/) {
    Http2StreamHandler* stream = stream_of(session, id);
    if (stream == nullptr) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    const Http2Piece piece = stream->read({reinterpret_cast<char*>(into), size});
    if (piece.last) {
      *flags |= NGHTTP2_DATA_FLAG_EOF;
    } else if (piece.bytes == 0) {
      return NGHTTP2_ERR_DEFERRED;
    }
    return static_cast<ssize_t>(piece.bytes);
  }
};

// NOLINTEND(readability-function-size)

Http2Session::Http2Session(Http2Handler& handler, const Http2Limits& limits)
    : handler_(handler), head_limits_(limits.head), head_(limits.head) {
  nghttp2_session_callbacks* callbacks = nullptr;
  nghttp2_option* option = nullptr;
  INSULA_CHECK(nghttp2_session_callbacks_new(&callbacks) == 0);
  INSULA_CHECK(nghttp2_option_new(&option) == 0);
  nghttp2_session_callbacks_set_on_begin_frame_callback(callbacks, &Callbacks::begin_frame);
  nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, &Callbacks::begin_headers);
  nghttp2_session_callbacks_set_on_header_callback(callbacks, &Callbacks::header);
  nghttp2_session_callbacks_set_on_invalid_header_callback(callbacks, &Callbacks::invalid_header);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, &Callbacks::frame_received);
  nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(callbacks,
                                                               &Callbacks::invalid_frame);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, &Callbacks::data);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, &Callbacks::stream_closed);
  nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, &Callbacks::frame_sent);
  nghttp2_session_callbacks_set_unpack_extension_callback(callbacks, &Callbacks::unpack_extension);
  for (unsigned type = kExtensionTypeMin; type <= kExtensionTypeMax; ++type)
    nghttp2_option_set_user_recv_extension_type(option, static_cast<std::uint8_t>(type));
  nghttp2_option_set_no_auto_window_update(option, 1);
  nghttp2_option_set_no_closed_streams(option, 1);
  INSULA_CHECK(nghttp2_session_server_new3(&session_, callbacks, this, option, http2_memory()) ==
               0);
  nghttp2_option_del(option);
  nghttp2_session_callbacks_del(callbacks);
  const std::array<nghttp2_settings_entry, 4> settings = {
      {{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, limits.streams},
       {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, limits.stream_window},
       {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, static_cast<std::uint32_t>(limits.head.head_bytes)},
       {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1}}};
  nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings.data(), settings.size());
  nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0,
                                        static_cast<std::int32_t>(limits.connection_window));
}

Http2Session::~Http2Session() {
  nghttp2_session_del(session_);
}

Result<> Http2Session::receive(std::string_view bytes) {
  const ssize_t used = nghttp2_session_mem_recv(session_, bytes_of(bytes), bytes.size());
  if (used >= 0) return {};
  if (used == NGHTTP2_ERR_CALLBACK_FAILURE || used == NGHTTP2_ERR_FLOODED ||
      used == NGHTTP2_ERR_TOO_MANY_CONTINUATIONS) {
    nghttp2_session_terminate_session(session_, code_of(ended_for_));
    if (ended_for_ == Http2Error::kProtocol)
      return fail(ErrorCode::kBadRequest, "a frame on a stream that it does not go to");
    return fail(ErrorCode::kTooManyRequests, "the connection sends frames that serve nothing");
  }
  nghttp2_session_terminate_session(session_, code_of(Http2Error::kProtocol));
  return fail(ErrorCode::kBadRequest, nghttp2_strerror(static_cast<int>(used)));
}

std::string_view Http2Session::output() {
  const std::uint8_t* bytes = nullptr;
  const ssize_t size = nghttp2_session_mem_send(session_, &bytes);
  return size > 0 ? view(bytes, static_cast<std::size_t>(size)) : std::string_view();
}

bool Http2Session::is_over() const {
  return nghttp2_session_want_read(session_) == 0 && nghttp2_session_want_write(session_) == 0;
}

void Http2Session::allow_idle_frames(std::int64_t more) {
  idle_frames_left_ = std::min(idle_frames_left_ + more, kIdleFramesMax);
  window_updates_left_ = std::min(window_updates_left_ + more, kWindowUpdatesMax);
}

void Http2Session::respond(StreamId id, std::span<const Http2Field> fields, bool has_body) {
  std::vector<nghttp2_nv> pairs;
  pairs.reserve(fields.size());
  for (const Http2Field& field : fields)
    pairs.push_back(pair_of(field.name, field.value));
  const nghttp2_data_provider body{.source = {.ptr = nullptr},
                                   .read_callback = &Callbacks::read_body};
  nghttp2_submit_response(session_, id, pairs.data(), pairs.size(), has_body ? &body : nullptr);
}

void Http2Session::send_continue(StreamId id) {
  const nghttp2_nv status = pair_of(":status", "100");
  nghttp2_submit_headers(session_, NGHTTP2_FLAG_NONE, id, nullptr, &status, 1, nullptr);
}

void Http2Session::resume(StreamId id) {
  nghttp2_session_resume_data(session_, id);
}

void Http2Session::take(StreamId id, std::size_t bytes) {
  nghttp2_session_consume(session_, id, bytes);
}

void Http2Session::reset(StreamId id, Http2Error why) {
  nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, id, code_of(why));
}

void Http2Session::announce_end() {
  nghttp2_submit_shutdown_notice(session_);
}

void Http2Session::end() {
  nghttp2_submit_goaway(session_, NGHTTP2_FLAG_NONE,
                        nghttp2_session_get_last_proc_stream_id(session_), NGHTTP2_NO_ERROR,
                        nullptr, 0);
}

}  // namespace insula::http
