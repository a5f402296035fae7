#include "http/testing/http1_cases.h"

#include <optional>
#include <utility>

#include <fmt/format.h>

#include "http/framing.h"
#include "http/parser.h"

namespace insula::http {
namespace {

using namespace std::string_literals;

using Cases = std::vector<Http1Case>;

/// Makes the cases, with the same fields in each head that is understood.
class Maker {
 public:
  explicit Maker(std::string_view fields) : fields_("Host: a\r\n") { fields_.append(fields); }

  [[nodiscard]] Cases understood() const;
  [[nodiscard]] static Cases request_lines();
  [[nodiscard]] Cases field_lines() const;
  [[nodiscard]] Cases field_values() const;
  [[nodiscard]] Cases hosts() const;
  [[nodiscard]] Cases framings() const;
  [[nodiscard]] Cases lengths() const;
  [[nodiscard]] Cases codings() const;
  [[nodiscard]] Cases chunk_sizes() const;
  [[nodiscard]] Cases chunk_rests() const;

 private:
  [[nodiscard]] std::string head(std::string_view method,
                                 std::string_view fields,
                                 std::string_view version,
                                 std::string_view target = "/t/v1/x") const {
    return fmt::format("{} {} HTTP/{}\r\n{}{}\r\n", method, target, version, fields_, fields);
  }

  [[nodiscard]] std::string get(std::string_view fields = {}) const {
    return head("GET", fields, "1.1");
  }

  [[nodiscard]] std::string post(std::string_view fields, std::string_view body = {}) const {
    return head("POST", fields, "1.1").append(body);
  }

  [[nodiscard]] std::string chunked(std::string_view body) const {
    return post("Transfer-Encoding: chunked\r\n", body);
  }

  /// What a reader that ends the request before it too early takes for another one.
  [[nodiscard]] std::string hidden() const { return head("GET", {}, "1.1", "/t/v1/hidden"); }

  [[nodiscard]] Http1Case length(std::string_view name,
                                 std::string_view value,
                                 Refusal refusal = Refusal::kContentLength) const {
    return {fmt::format("{} for a length", name),
            post(fmt::format("Content-Length: {}\r\n", value), hidden()),
            {},
            refusal};
  }

  [[nodiscard]] Http1Case coding(std::string_view name,
                                 std::string_view value,
                                 Refusal refusal = Refusal::kTransferCoding) const {
    return {fmt::format("{} for a coding", name),
            post(fmt::format("Transfer-Encoding: {}\r\n", value), "0\r\n\r\n"),
            {},
            refusal};
  }

  [[nodiscard]] Http1Case chunks(std::string_view name,
                                 std::string_view body,
                                 Refusal refusal = Refusal::kChunkSize) const {
    return {fmt::format("chunks with {}", name), chunked(body), {}, refusal};
  }

  std::string fields_;
};

/// A request line before a head that is whole.
std::string line(std::string_view text) {
  return std::string(text) + "Host: a\r\n\r\n";
}

Cases Maker::understood() const {
  const std::string hidden = this->hidden();
  const std::string hidden_size = std::to_string(hidden.size());
  const std::string plain = "GET /t/v1/x|";
  return {
      {"a plain request", get(), {plain}},
      {"two requests at once", get() + hidden, {plain, "GET /t/v1/hidden|"}},
      {"an empty line before the request", "\r\n" + get(), {plain}},
      {"an empty line after a body",
       post("Content-Length: 2\r\n", "ab\r\n") + get(),
       {"POST /t/v1/x|ab", plain}},
      {"a method in lower case, which is another method", head("get", "", "1.1"), {"get /t/v1/x|"}},
      {"a name in any case", get("cONTENT-lENGTH: 0\r\n"), {plain}},
      {"no space after the colon", post("Content-Length:2\r\n", "ab"), {"POST /t/v1/x|ab"}},
      {"white space around a value",
       post("Content-Length: \t 2 \t \r\n", "ab"),
       {"POST /t/v1/x|ab"}},
      {"bytes beyond ASCII in a value", get("X: \xc3\xa4\xff\r\n"), {plain}},
      {"an empty value", get("X:\r\n"), {plain}},
      {"a body of a GET",
       head("GET", "Content-Length: " + hidden_size + "\r\n", "1.1") + hidden,
       {plain + hidden}},
      {"a body that looks like a request",
       post("Content-Length: " + hidden_size + "\r\n", hidden),
       {"POST /t/v1/x|" + hidden}},
      {"no length, and what looks like a body",
       post("", hidden),
       {"POST /t/v1/x|", "GET /t/v1/hidden|"}},
      {"a length of 0, and what looks like a body",
       post("Content-Length: 0\r\n", hidden),
       {"POST /t/v1/x|", "GET /t/v1/hidden|"}},
      {"no length, and what looks like the last chunk",
       post("", "0\r\n\r\n"),
       {"POST /t/v1/x|"},
       Refusal::kMethod},
      {"chunks", chunked("5\r\nhello\r\n0\r\n\r\n") + get(), {"POST /t/v1/x|hello", plain}},
      {"no chunk but the last", chunked("0\r\n\r\n") + get(), {"POST /t/v1/x|", plain}},
      {"a chunk that looks like a request",
       chunked(fmt::format("{:x}\r\n", hidden.size()) + hidden + "\r\n0\r\n\r\n"),
       {"POST /t/v1/x|" + hidden}},
      {"chunks of a GET",
       head("GET", "Transfer-Encoding: chunked\r\n", "1.1") + "1\r\nx\r\n0\r\n\r\n",
       {plain + "x"}},
      {"chunked in upper case, with white space",
       post("TRANSFER-ENCODING:\t CHUNKED \t\r\n", "1\r\nx\r\n0\r\n\r\n"),
       {"POST /t/v1/x|x"}},
      {"sizes in upper case and with zeros",
       chunked("000A\r\n0123456789\r\n0000000000000000\r\n\r\n"),
       {"POST /t/v1/x|0123456789"}},
      {"chunk extensions", chunked("1;a=b;c=\"d e\"\r\nx\r\n0;last\r\n\r\n"), {"POST /t/v1/x|x"}},
      {"trailers that would frame and route",
       chunked("1\r\nx\r\n0\r\nContent-Length: 9\r\nTransfer-Encoding: gzip\r\nHost: b\r\n\r\n") +
           get(),
       {"POST /t/v1/x|x", plain}},
      {"HTTP/1.0 ends with its request", head("GET", "", "1.0") + hidden, {plain}},
      {"HTTP/1.0 that stays",
       head("GET", "Connection: keep-alive\r\n", "1.0") + hidden,
       {plain, "GET /t/v1/hidden|"}},
      {"the last request of a connection", get("Connection: close\r\n") + hidden, {plain}},
      {"close among other options", get("Connection: x, Close\r\n") + hidden, {plain}},
      {"fields of this hop",
       get("Connection: keep-alive, X-Mine, X-Request-Id\r\nX-Mine: 1\r\nKeep-Alive: 5\r\n"
           "TE: trailers\r\nTrailer: X\r\nProxy-Connection: close\r\nProxy-Authorization: x\r\n"),
       {plain}},
      {"TE for Transfer-Encoding",
       post("TE: chunked\r\nContent-Length: 2\r\n", "ab"),
       {"POST /t/v1/x|ab"}},
      {"an upgrade to HTTP/2",
       get("Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n") +
           hidden,
       {plain, "GET /t/v1/hidden|"}},
      {"an expectation whose body is there",
       post("Expect: 100-Continue\r\nContent-Length: 2\r\n", "ab"),
       {"POST /t/v1/x|ab"}},
  };
}

Cases Maker::request_lines() {
  return {
      {"method with a space before it", line(" GET / HTTP/1.1\r\n"), {}, Refusal::kMethod},
      {"method with a comma", line("GE,T / HTTP/1.1\r\n"), {}, Refusal::kMethod},
      {"method beyond ASCII", line("G\xc3\x8bT / HTTP/1.1\r\n"), {}, Refusal::kMethod},
      {"NUL in the method", line("GE\0T / HTTP/1.1\r\n"s), {}, Refusal::kMethod},
      {"method without end", line(std::string(40, 'A') + " / HTTP/1.1\r\n"), {}, Refusal::kMethod},
      {"tab instead of space", line("GET\t/ HTTP/1.1\r\n"), {}, Refusal::kMethod},
      {"two empty lines first", line("\r\n\r\nGET / HTTP/1.1\r\n"), {}, Refusal::kMethod},
      {"bare line feed first", line("\nGET / HTTP/1.1\r\n"), {}, Refusal::kMethod},
      {"bare carriage return first", line("\rGET / HTTP/1.1\r\n"), {}, Refusal::kBareCr},
      {"two spaces before the target", line("GET  / HTTP/1.1\r\n"), {}, Refusal::kRequestLine},
      {"two spaces after the target", line("GET /  HTTP/1.1\r\n"), {}, Refusal::kVersion},
      {"tab after the target", line("GET /\tHTTP/1.1\r\n"), {}, Refusal::kTarget},
      {"HTTP/0.9", line("GET /\r\n"), {}, Refusal::kRequestLine},
      {"space in the target", line("GET /a b HTTP/1.1\r\n"), {}, Refusal::kVersion},
      {"control character in the target", line("GET /a\x01 HTTP/1.1\r\n"), {}, Refusal::kTarget},
      {"NUL in the target", line("GET /a\0b HTTP/1.1\r\n"s), {}, Refusal::kTarget},
      {"DEL in the target", line("GET /a\x7f HTTP/1.1\r\n"), {}, Refusal::kTarget},
      {"byte beyond ASCII in the target", line("GET /\xc3\xa4 HTTP/1.1\r\n"), {}, Refusal::kTarget},
      {"fragment in the target", line("GET /a#b HTTP/1.1\r\n"), {}, Refusal::kTarget},
      {"absolute form", line("GET http://b/ HTTP/1.1\r\n"), {}, Refusal::kTargetForm},
      {"absolute form with this host",
       line("GET http://a/ HTTP/1.1\r\n"),
       {},
       Refusal::kTargetForm},
      {"authority form", line("CONNECT b:443 HTTP/1.1\r\n"), {}, Refusal::kTargetForm},
      {"asterisk in a GET", line("GET * HTTP/1.1\r\n"), {}, Refusal::kTargetForm},
      {"path without slash", line("GET a HTTP/1.1\r\n"), {}, Refusal::kTargetForm},
      {"query without path", line("GET ?a HTTP/1.1\r\n"), {}, Refusal::kTargetForm},
      {"backslash for slash", line("GET \\a HTTP/1.1\r\n"), {}, Refusal::kTargetForm},
      {"version 2.0", line("GET / HTTP/2.0\r\n"), {}, Refusal::kVersion},
      {"version 1.2", line("GET / HTTP/1.2\r\n"), {}, Refusal::kVersion},
      {"version 1.10", line("GET / HTTP/1.10\r\n"), {}, Refusal::kVersion},
      {"version 11.1", line("GET / HTTP/11.1\r\n"), {}, Refusal::kVersion},
      {"version 1.1.1", line("GET / HTTP/1.1.1\r\n"), {}, Refusal::kVersion},
      {"version 01.1", line("GET / HTTP/01.1\r\n"), {}, Refusal::kVersion},
      {"version +1.1", line("GET / HTTP/+1.1\r\n"), {}, Refusal::kVersion},
      {"version that wraps 8 bits", line("GET / HTTP/257.1\r\n"), {}, Refusal::kVersion},
      {"lower-case version", line("GET / http/1.1\r\n"), {}, Refusal::kVersion},
      {"other protocol", line("GET / ICY/1.1\r\n"), {}, Refusal::kVersion},
      {"space after the version", line("GET / HTTP/1.1 \r\n"), {}, Refusal::kVersion},
      {"NUL after the version", line("GET / HTTP/1.1\0\r\n"s), {}, Refusal::kControlCharacter},
      {"tab after the version", line("GET / HTTP/1.1\t\r\n"), {}, Refusal::kControlCharacter},
      {"short version", line("GET / X\r\n"), {}, Refusal::kVersion},
      {"what begins as HTTP/2 does", "PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n", {}, Refusal::kTargetForm},
      {"no version", line("GET / \r\n"), {}, Refusal::kVersion},
      {"bare line feed after the request line", line("GET / HTTP/1.1\n"), {}, Refusal::kBareLf},
      {"bare carriage return after the request line",
       line("GET / HTTP/1.1\r"),
       {},
       Refusal::kBareCr},
      {"CR CR LF after the request line", line("GET / HTTP/1.1\r\r\n"), {}, Refusal::kBareCr},
  };
}

Cases Maker::field_lines() const {
  return {
      {"space before the colon", get("A : b\r\n"), {}, Refusal::kSpaceBeforeColon},
      {"tab before the colon", get("A\t: b\r\n"), {}, Refusal::kSpaceBeforeColon},
      {"space before the colon of a framing field",
       post("Transfer-Encoding : chunked\r\n"),
       {},
       Refusal::kSpaceBeforeColon},
      {"name with a space", get("A B: c\r\n"), {}, Refusal::kSpaceBeforeColon},
      {"empty name", get(": b\r\n"), {}, Refusal::kFieldName},
      {"line without colon", get("Abc\r\n"), {}, Refusal::kFieldName},
      {"line without colon before a framing field",
       post("Abc\r\nContent-Length: 3\r\n"),
       {},
       Refusal::kFieldName},
      {"name in brackets", get("[A]: b\r\n"), {}, Refusal::kFieldName},
      {"name beyond ASCII", get("\xc3\x84: b\r\n"), {}, Refusal::kFieldName},
      {"NUL before the name", get("\0Content-Length: 3\r\n"s), {}, Refusal::kFieldName},
      {"NUL in the name", get("A\0B: c\r\n"s), {}, Refusal::kFieldName},
      {"vertical tab after the name", post("Content-Length\x0b: 3\r\n"), {}, Refusal::kFieldName},
      {"odd character in a long name",
       get("Abcdefghijklmnopqrst/uvw: c\r\n"),
       {},
       Refusal::kFieldName},
      {"folded line", get("A: b\r\n c\r\n"), {}, Refusal::kLineFolding},
      {"folded line with a tab", get("A: b\r\n\tc\r\n"), {}, Refusal::kLineFolding},
      {"folded framing field",
       post("Transfer-Encoding:\r\n chunked\r\n"),
       {},
       Refusal::kTransferCoding},
      {"framing field in a folded line",
       post("A: b\r\n Content-Length: 3\r\n"),
       {},
       Refusal::kLineFolding},
      {"white space before the first field",
       "GET / HTTP/1.1\r\n Host: a\r\n\r\n",
       {},
       Refusal::kLineFolding},
      {"white space in place of the empty line",
       "GET / HTTP/1.1\r\nHost: a\r\n \r\n",
       {},
       Refusal::kLineFolding},
  };
}

Cases Maker::field_values() const {
  return {
      {"NUL in the value", get("A: b\0c\r\n"s), {}, Refusal::kControlCharacter},
      {"DEL in the value", get("A: b\x7f\r\n"), {}, Refusal::kControlCharacter},
      {"vertical tab in the value", get("A: b\x0b\r\n"), {}, Refusal::kControlCharacter},
      {"escape after many characters",
       get("A: " + std::string(50, 'x') + "\x1b\r\n"),
       {},
       Refusal::kControlCharacter},
      {"bare line feed in the value", get("A: b\nC: d\r\n"), {}, Refusal::kBareLf},
      {"bare line feed before a framing field",
       post("A: b\nContent-Length: 3\r\n"),
       {},
       Refusal::kBareLf},
      {"bare line feed as empty line", "GET / HTTP/1.1\r\nHost: a\r\n\n", {}, Refusal::kBareLf},
      {"bare carriage return in the value", get("A: b\rC: d\r\n"), {}, Refusal::kBareCr},
      {"bare carriage return before a framing field",
       post("A: b\rTransfer-Encoding: chunked\r\n"),
       {},
       Refusal::kBareCr},
      {"carriage return before CR LF", get("A: b\r\r\n"), {}, Refusal::kBareCr},
      {"bare carriage return as empty line",
       "GET / HTTP/1.1\r\nHost: a\r\n\rX\r\n",
       {},
       Refusal::kBareCr},
      {"unknown expectation", get("Expect: 200-ok\r\n"), {}, Refusal::kExpectation},
      {"two expectations",
       get("Expect: 100-continue, 100-continue\r\n"),
       {},
       Refusal::kExpectation},
      {"connection that names the host",
       get("Connection: close, Host\r\n"),
       {},
       Refusal::kConnectionNamesFraming},
      {"connection that names the length",
       post("Connection: content-length\r\nContent-Length: 3\r\n"),
       {},
       Refusal::kConnectionNamesFraming},
      {"connection that names the coding",
       post("Connection: Transfer-Encoding\r\nTransfer-Encoding: chunked\r\n"),
       {},
       Refusal::kConnectionNamesFraming},
      {"connection without end",
       get("Connection: a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a\r\n"),
       {},
       Refusal::kTooManyFields},
  };
}

Cases Maker::hosts() const {
  const auto with = [](std::string_view host) {
    return "GET / HTTP/1.1\r\n" + std::string(host) + "\r\n";
  };
  return {
      {"no host", with(""), {}, Refusal::kHostMissing},
      {"two hosts", get("Host: b\r\n"), {}, Refusal::kHostRepeated},
      {"two equal hosts", get("host: a\r\n"), {}, Refusal::kHostRepeated},
      {"two hosts in HTTP/1.0", head("GET", "Host: b\r\n", "1.0"), {}, Refusal::kHostRepeated},
      {"empty host", with("Host:\r\n"), {}, Refusal::kHostInvalid},
      {"host with a path", with("Host: a/b\r\n"), {}, Refusal::kHostInvalid},
      {"host with a user", with("Host: a@b\r\n"), {}, Refusal::kHostInvalid},
      {"host with half a bracket", with("Host: [::1\r\n"), {}, Refusal::kHostInvalid},
      {"host with two ports", with("Host: a:1:2\r\n"), {}, Refusal::kHostInvalid},
      {"host with a port of letters", with("Host: a:x\r\n"), {}, Refusal::kHostInvalid},
      {"host with a space", with("Host: a b\r\n"), {}, Refusal::kHostInvalid},
      {"host with a scheme", with("Host: http://a\r\n"), {}, Refusal::kHostInvalid},
      {"host with a query", with("Host: a?b\r\n"), {}, Refusal::kHostInvalid},
      {"host with a fragment", with("Host: a#b\r\n"), {}, Refusal::kHostInvalid},
      {"percent-encoded host", with("Host: a%41\r\n"), {}, Refusal::kHostInvalid},
      {"host beyond ASCII", with("Host: \xc3\xa4\r\n"), {}, Refusal::kHostInvalid},
      {"list of hosts", with("Host: a, b\r\n"), {}, Refusal::kHostInvalid},
  };
}

Cases Maker::framings() const {
  return {
      {"length and coding",
       post("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n"),
       {},
       Refusal::kLengthAndTransferEncoding},
      {"coding and length",
       post("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n"),
       {},
       Refusal::kLengthAndTransferEncoding},
      {"length 0 and coding",
       post("Content-Length: 0\r\nTransfer-Encoding: chunked\r\n"),
       {},
       Refusal::kLengthAndTransferEncoding},
      {"two lengths",
       post("Content-Length: 3\r\nContent-Length: 4\r\n"),
       {},
       Refusal::kContentLengthRepeated},
      {"two equal lengths",
       post("Content-Length: 3\r\ncontent-length: 3\r\n"),
       {},
       Refusal::kContentLengthRepeated},
      {"length with underscore in the name",
       post("Content_Length: 3\r\n"),
       {},
       Refusal::kLookalikeName},
      {"coding with underscore in the name",
       post("Transfer_Encoding: chunked\r\n"),
       {},
       Refusal::kLookalikeName},
  };
}

Cases Maker::lengths() const {
  return {
      length("a list", "3, 3", Refusal::kContentLengthRepeated),
      length("a list of one", "3,", Refusal::kContentLengthRepeated),
      length("a comma", ",3", Refusal::kContentLengthRepeated),
      length("nothing", ""),
      length("a plus", "+3"),
      length("a minus", "-1"),
      length("minus zero", "-0"),
      length("hexadecimal", "0x3"),
      length("a hexadecimal digit", "1a"),
      length("octal", "010"),
      length("binary", "0b1"),
      length("an exponent", "1e1"),
      length("a fraction", "3.0"),
      length("an underscore", "1_0"),
      length("a space inside", "1 0"),
      length("a tab inside", "1\t0"),
      length("a parameter", "3;a"),
      length("quotes", "\"3\""),
      length("a NUL at the end", "3\0"s, Refusal::kControlCharacter),
      length("digits beyond ASCII", "\xef\xbc\x93"),
      length("what wraps 32 bits and more", "4294967299999999999"),
      length("what wraps 64 bits", "18446744073709551617"),
  };
}

Cases Maker::codings() const {
  const std::string two_codings = "Transfer-Encoding: chunked\r\ntransfer-encoding: ";
  return {
      coding("two", "gzip, chunked"),
      coding("chunked and another", "chunked, identity"),
      coding("chunked twice", "chunked, chunked"),
      coding("a comma first", ",chunked"),
      coding("a comma last", "chunked,"),
      coding("identity", "identity"),
      coding("gzip", "gzip"),
      coding("an imitation", "xchunked"),
      coding("a part", "chunk"),
      coding("quotes", "\"chunked\""),
      coding("a parameter", "chunked;a=b"),
      coding("a semicolon", "chunked;"),
      coding("a space inside", "chun ked"),
      coding("a no-break space", "chunked\xc2\xa0"),
      coding("a sign that folds to a letter",
             "chun\xe2\x84\xaa"
             "ed"),
      coding("nothing", ""),
      coding("a vertical tab first",
             "\x0b"
             "chunked",
             Refusal::kControlCharacter),
      coding("a form feed last", "chunked\x0c", Refusal::kControlCharacter),
      coding("a NUL last", "chunked\0"s, Refusal::kControlCharacter),
      {"coding twice", post(two_codings + "chunked\r\n"), {}, Refusal::kTransferEncodingRepeated},
      {"coding and identity",
       post(two_codings + "identity\r\n"),
       {},
       Refusal::kTransferEncodingRepeated},
      {"identity and coding",
       post("Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n"),
       {},
       Refusal::kTransferCoding},
      {"coding in HTTP/1.0",
       head("POST", "Transfer-Encoding: chunked\r\n", "1.0"),
       {},
       Refusal::kTransferEncodingInHttp10},
      {"coding in HTTP/1.0 that stays",
       head("POST", "Connection: keep-alive\r\nTransfer-Encoding: chunked\r\n", "1.0"),
       {},
       Refusal::kTransferEncodingInHttp10},
  };
}

Cases Maker::chunk_sizes() const {
  return {
      chunks("no size", "\r\nhello\r\n"),
      chunks("an extension for a size", ";a\r\nhello\r\n"),
      chunks("a letter for a size", "g\r\nhello\r\n"),
      chunks("0x before the size", "0x5\r\nhello\r\n"),
      chunks("a plus before the size", "+5\r\nhello\r\n"),
      chunks("a minus before the size", "-5\r\nhello\r\n"),
      chunks("an underscore in the size", "1_0\r\nhello\r\n"),
      chunks("a fraction for a size", "5.0\r\nhello\r\n"),
      chunks("a space before the size", " 5\r\nhello\r\n"),
      chunks("a space after the size", "5 \r\nhello\r\n"),
      chunks("a tab before the extension", "5\t;a\r\nhello\r\n"),
      chunks("a NUL after the size", "5\0\r\nhello\r\n"s),
      chunks("a space after the last size", "0 \r\n\r\n"),
      chunks("a bare line feed after the size", "5\nhello\r\n"),
      chunks("a bare line feed after the last size", "0\n\r\n"),
      chunks("a bare carriage return after the size", "5\rhello\r\n"),
      chunks("CR CR LF after the size", "5\r\r\nhello\r\n"),
      chunks("a size that wraps 64 bits", "10000000000000005\r\nhello\r\n"),
      chunks("a size near 64 bits", "FFFFFFFFFFFFFFFF\r\nhello\r\n"),
      chunks("zeros without end", std::string(17, '0') + "\r\n"),
  };
}

Cases Maker::chunk_rests() const {
  return {
      chunks("a bare line feed in the extension", "5;a\nhello\r\n", Refusal::kChunkExtension),
      chunks("a bare carriage return in the extension", "5;a\rhello\r\n"),
      chunks("a NUL in the extension", "5;\0\r\nhello\r\n"s, Refusal::kChunkExtension),
      chunks("a control character in the extension", "5;\x01\r\nhello\r\n",
             Refusal::kChunkExtension),
      chunks("more than the size", "5\r\nhello!\r\n", Refusal::kChunkEnd),
      chunks("less than the size", "7\r\nhello\r\n0\r\n\r\n", Refusal::kChunkEnd),
      chunks("no line end", "5\r\nhello5\r\n", Refusal::kChunkEnd),
      chunks("a bare line feed at the end", "5\r\nhello\n", Refusal::kChunkEnd),
      chunks("a bare carriage return at the end", "5\r\nhello\r0\r\n", Refusal::kChunkEnd),
      chunks("a bare line feed after the last one", "0\r\n\n", Refusal::kTrailer),
      chunks("a bare carriage return after the last one", "0\r\n\rX", Refusal::kTrailer),
      chunks("a folded trailer", "0\r\n A: b\r\n", Refusal::kTrailer),
      chunks("a space before the colon of a trailer", "0\r\nA : b\r\n", Refusal::kTrailer),
      chunks("a trailer without colon", "0\r\nA\r\n", Refusal::kTrailer),
      chunks("a trailer without name", "0\r\n: a\r\n", Refusal::kTrailer),
      chunks("a NUL in a trailer", "0\r\nA: \0\r\n"s, Refusal::kTrailer),
      chunks("a bare line feed in a trailer", "0\r\nA: b\n", Refusal::kTrailer),
      chunks("a request for a trailer", "0\r\n" + hidden(), Refusal::kTrailer),
  };
}

}  // namespace

std::vector<Http1Case> http1_cases(std::string_view fields) {
  const Maker maker(fields);
  Cases all;
  for (const Cases& group : {maker.understood(), Maker::request_lines(), maker.field_lines(),
                             maker.field_values(), maker.hosts(), maker.framings(), maker.lengths(),
                             maker.codings(), maker.chunk_sizes(), maker.chunk_rests()}) {
    all.insert(all.end(), group.begin(), group.end());
  }
  return all;
}

Http1Reading read_http1(const std::vector<std::string_view>& pieces) {
  Http1Reading reading;
  std::string in;
  std::size_t seen = 0;
  std::optional<BodyFramer> body;
  std::string request;
  bool keep_alive = true;
  const auto step = [&] {
    if (!body) {
      RequestHead head;
      const auto status = parse_request(in, std::exchange(seen, in.size()), {}, head);
      reading.refusal = head.refusal;
      if (status != ParseStatus::kComplete) return false;
      request = std::string(head.method) + " " + std::string(head.target) + "|";
      body = BodyFramer::of(head);
      keep_alive = head.keep_alive;
      in.erase(0, head.size);
    }
    const auto decoded = body->decode(in);
    request.append(in, 0, decoded.payload);
    in.erase(0, decoded.used);
    reading.refusal = body->refusal();
    if (!body->done()) return false;
    reading.requests.push_back(std::exchange(request, {}));
    body.reset();
    seen = 0;
    return keep_alive && !in.empty();
  };
  for (const std::string_view piece : pieces) {
    in.append(piece);
    while (!in.empty() && step()) {
    }
    if (reading.refusal != Refusal::kNone || (!keep_alive && !body)) break;
  }
  return reading;
}

}  // namespace insula::http
