#include "apiserver/proxy_links.h"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace insula::apiserver {
namespace {

const ProxyLinks kLinks{"/p/pods/x/proxy", "10.77.0.9:80", "api.test:6443"};

struct Case {
  std::string_view given;
  std::string_view wanted;
};

TEST(ProxyLinks, LeadThroughTheProxyWhenTheyAreAbsolutePathsOfTheServerBehindIt) {
  for (const auto& [given, wanted] : {
           Case{"/", "/p/pods/x/proxy/"},
           Case{"/a/b?c=/d#e", "/p/pods/x/proxy/a/b?c=/d#e"},
           Case{"http://10.77.0.9:80/a", "/p/pods/x/proxy/a"},
           Case{"HTTP://10.77.0.9/a", "/p/pods/x/proxy/a"},
           Case{"//10.77.0.9:80/a", "/p/pods/x/proxy/a"},
           Case{"http://10.77.0.9:80", "/p/pods/x/proxy/"},
           Case{"http://10.77.0.9:80?q", "/p/pods/x/proxy/?q"},
           Case{"https://api.test:6443/a", "https://api.test:6443/p/pods/x/proxy/a"},
           Case{"/p/pods/x/proxy/a", "/p/pods/x/proxy/a"},
           Case{"/p/pods/x/proxyless", "/p/pods/x/proxy/p/pods/x/proxyless"},
       })
    EXPECT_EQ(kLinks.rewrite(given), wanted);
}

TEST(ProxyLinks, AreLeftAloneWhenTheyAreRelativeOrLeadElsewhere) {
  for (const std::string_view link :
       {"", "a/b", "../a", "?a", "#a", "mailto:a@b", "javascript:/a/", "data:text/html,/",
        "http://example.com/a", "//example.com/a", "https://10.77.0.9/a",
        "http://user@10.77.0.9:80/a", "http://10.77.0.90:80/a", "http://api.test/a"})
    EXPECT_EQ(kLinks.rewrite(link), link);
}

/// In pieces of `size` bytes.
std::string passed(std::string_view page, std::size_t size) {
  HtmlLinks links(kLinks);
  std::string out;
  for (; !page.empty(); page.remove_prefix(std::min(size, page.size())))
    out += links.feed(page.substr(0, size));
  return out + links.finish();
}

TEST(HtmlLinks, AreRewrittenWhereverAnElementHasThem) {
  for (const auto& [given, wanted] : {
           Case{R"(<a href="/x">t</a>)", R"(<a href="/p/pods/x/proxy/x">t</a>)"},
           Case{"<A class=c HREF='/x'>", "<A class=c HREF='/p/pods/x/proxy/x'>"},
           Case{"<a href=/x>", "<a href=/p/pods/x/proxy/x>"},
           Case{"<a href=/x class=/x>", "<a href=/p/pods/x/proxy/x class=/x>"},
           Case{"<a\n href\t=\n\"/x\"/>", "<a\n href\t=\n\"/p/pods/x/proxy/x\"/>"},
           Case{"<img alt='a>b' src='/x' longdesc='/y'/>",
                "<img alt='a>b' src='/p/pods/x/proxy/x' longdesc='/p/pods/x/proxy/y'/>"},
           Case{"<a title=it's href='/x'>", "<a title=it's href='/p/pods/x/proxy/x'>"},
           Case{"<form action=\"http://10.77.0.9:80/x?a=1&amp;b\">",
                "<form action=\"/p/pods/x/proxy/x?a=1&amp;b\">"},
           Case{"1 < 2 <<a href='/x'>", "1 < 2 <<a href='/p/pods/x/proxy/x'>"},
           Case{"<script src='/x'>'<a href=\"/y\">' </script ><a href='/z'>",
                "<script src='/p/pods/x/proxy/x'>'<a href=\"/y\">' </script ><a "
                "href='/p/pods/x/proxy/z'>"},
           Case{"<!-- <a href='/x'> - -- --><a href='/y'>",
                "<!-- <a href='/x'> - -- --><a href='/p/pods/x/proxy/y'>"},
           Case{"<!DOCTYPE html><?x?><title><a href='/x'></title>",
                "<!DOCTYPE html><?x?><title><a href='/x'></title>"},
           Case{"<!--><a href='/x'>", "<!--><a href='/p/pods/x/proxy/x'>"},
       }) {
    for (const std::size_t size : {1uz, 2uz, 7uz, 1000uz})
      EXPECT_EQ(passed(given, size), wanted) << size;
  }
}

TEST(HtmlLinks, AreLeftAloneWhereTheyAreNone) {
  for (const std::string_view page :
       {"", "text", "<", "<a", "<a href", "<a href=", "<a href='/x", "<p href='/x'>",
        "<a name='/x'>", "<a data-href='/x'>", "<a href='x'>", "</a href='/x'>", "<a href>",
        "<style>a{background:url(/x)}</style>", "<textarea><a href='/x'>", "<1 a href='/x'>"}) {
    for (const std::size_t size : {1uz, 3uz, 1000uz})
      EXPECT_EQ(passed(page, size), page) << size;
  }
}

TEST(HtmlLinks, HoldNoMoreThanOneTagOfABoundedSize) {
  HtmlLinks links(kLinks);
  std::string tag = "<a title='";
  std::size_t out = links.feed(tag).size();
  EXPECT_EQ(out, 0U);
  std::size_t in = tag.size();
  while (in < 3 * HtmlLinks::kTagBytesMax) {
    out += links.feed("xxxxxxxxxxxxxxxx").size();
    in += 16;
    EXPECT_LE(in - out, HtmlLinks::kTagBytesMax + 16);
  }
  out += links.finish().size();
  EXPECT_EQ(in, out);
}

}  // namespace
}  // namespace insula::apiserver
