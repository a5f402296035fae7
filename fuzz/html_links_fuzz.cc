#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "apiserver/proxy_links.h"
#include "base/check.h"

namespace {

using insula::apiserver::HtmlLinks;

/// The input, and where its first byte asks for it with so many blanks in the middle that a tag
/// there is about as long as tags may be.
std::string page_of(std::string_view input) {
  std::string page(input);
  const std::size_t middle = page.size() / 2;
  if (input.starts_with('\xff') && middle < HtmlLinks::kTagBytesMax)
    page.insert(middle, HtmlLinks::kTagBytesMax - middle, ' ');
  return page;
}

}  // namespace

/// A page comes out alike in whatever pieces it went in, and without links it comes out as it is.
// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer's name
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string page = page_of({reinterpret_cast<const char*>(data), size});
  const insula::apiserver::ProxyLinks links{"/p", "10.0.0.1:80", "api.test"};
  HtmlLinks whole(links);
  std::string at_once = whole.feed(page);
  at_once += whole.finish();
  HtmlLinks pieces(links);
  std::string bit_by_bit;
  // The first byte says how large the pieces are; long pages come in few.
  const std::size_t piece =
      page.empty() ? 1 : 1 + static_cast<unsigned char>(page.front()) % 7 + page.size() / 256;
  for (std::size_t at = 0; at < page.size(); at += piece)
    bit_by_bit += pieces.feed(std::string_view(page).substr(at, piece));
  bit_by_bit += pieces.finish();
  INSULA_CHECK(at_once == bit_by_bit, page);
  if (!page.contains('=')) INSULA_CHECK(at_once == page, page);
  return 0;
}
