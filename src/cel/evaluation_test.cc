#include <array>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "cel/program.h"
#include "json/parse.h"

namespace insula::cel {
namespace {

/// The steps that the expressions here may take; none needs as many.
constexpr std::uint64_t kSteps = 100'000;

/// What an expression gives: `true`, `12`, `error: ...`, or the issues of one that does not
/// compile.
std::string outcome(std::string_view source) {
  const Environment environment{standard_functions(), {}};
  const auto program = Program::compile(source, environment);
  if (!program) return program.error().message();
  Budget budget(kSteps);
  const auto value = program->evaluate({}, budget);
  if (!value) return "error: " + value.error().message();
  return value->kind() == Type::Kind::kBool ? (value->is_true() ? "true" : "false")
                                            : "a " + value->type_name();
}

TEST(Evaluation, FollowsTheSpecification) {
  static constexpr std::string_view kTrue[] = {
      // Literals.
      "0x1F == 31 && 0xfu == 15u && -0x8000000000000000 < 0",
      "-9223372036854775808 + 9223372036854775807 == -1",
      "1e3 == 1000.0 && .5 == 0.5 && 1.5E-1 == 0.15",
      "'a' == \"a\" && '''it's\nfine''' == \"it's\\nfine\"",
      R"('\x41\u00e9\U0001F600\101' == 'Aé😀A')",
      R"(r'\n' == '\\n' && size(R"\u00e9") == 6)",
      R"(b'\xff\000' != b'\xff' && size(b'é') == 2 && size('é') == 1)",
      "[1, 2, 3,].size() == 3 && {'a': 1,}.size() == 1",
      "1 + 2 // a comment\n == 3",
      // Precedence.
      "1 + 2 * 3 - 4 / 2 == 5 && 7 % 4 * 2 == 6",
      "true || false && false",
      "!false && !!true && - -1 == 1",
      "(true ? 1 : 2) == 1 && (false ? 1 : true ? 3 : 4) == 3",
      "1 < 2 == true",
      "-(3) == -3 && 2 - -1 == 3",
      // Integers truncate toward zero.
      "-7 / 2 == -3 && -7 % 2 == -1 && 7u / 2u == 3u",
      "1.0 / 0.0 > 1e300 && !(0.0 / 0.0 == 0.0 / 0.0)",
      // Numbers compare by value across types.
      "1 < 1.5 && 2u > 1 && 1u <= 1.0 && dyn(1) == dyn(1.0) && dyn(1u) == dyn(1)",
      "9223372036854775807 < 9223372036854775808u && dyn(9007199254740993) != "
      "dyn(9007199254740992.0)",
      "dyn(1) != dyn('1') && dyn(null) == null",
      // Texts.
      "'a' + 'b' == 'ab' && b'a' + b'b' == b'ab' && 'a' < 'b' && 'B' < 'a'",
      "'hello'.contains('ell') && 'hello'.startsWith('he') && 'hello'.endsWith('lo')",
      "'héllo'.charAt(1) == 'é' && 'ab'.charAt(2) == ''",
      "'héllo'.indexOf('l') == 2 && 'héllo'.lastIndexOf('l') == 3 && 'a'.indexOf('b') == -1",
      "'hello mellow'.indexOf('ello', 2) == 7 && 'hello mellow'.lastIndexOf('ello', 6) == 1",
      "'a'.indexOf('') == 0 && 'ab'.lastIndexOf('') == 2",
      "'hello'.substring(1) == 'ello' && 'hello'.substring(1, 3) == 'el'",
      "'a,b,c'.split(',') == ['a', 'b', 'c'] && 'a,b,c'.split(',', 2) == ['a', 'b,c']",
      "'aé'.split('') == ['a', 'é'] && 'a,'.split(',') == ['a', ''] && 'a'.split(',', 0) == []",
      "''.split(',') == [''] && ''.split('') == []",
      "'hello hello'.replace('he', 'we') == 'wello wello'",
      "'hello hello'.replace('he', 'we', 1) == 'wello hello' && 'ab'.replace('', '_') == '_a_b_'",
      "['a', 'b'].join() == 'ab' && ['a', 'b'].join('-') == 'a-b' && [].join('-') == ''",
      "'TaCoCÆt'.lowerAscii() == 'tacocÆt' && 'tacocæt'.upperAscii() == 'TACOCæT'",
      R"(' \t\u2000a b\u3000\n'.trim() == 'a b' && '  '.trim() == '')",
      R"(strings.quote('a"b\n') == '"a\\"b\\n"')",
      // format.
      "'%s %d %%'.format(['a', 3]) == 'a 3 %'",
      "'%s'.format([[1, 'a', {'k': true}]]) == '[1, a, {k: true}]'",
      "'%b %o %x %X'.format([5, 8, 255, 255u]) == '101 10 ff FF' && '%x'.format(['hi']) == '6869'",
      "'%.2f %e'.format([3.14159, 1000.0]) == '3.14 1.000000e+03'",
      // Regular expressions are RE2's and look for a part.
      "'abc123'.matches('[0-9]+') && !'abc'.matches('^[0-9]+$') && matches('a', 'a')",
      "'abc 123'.find('[0-9]+') == '123' && 'abc'.find('[0-9]') == ''",
      "'123 abc 456'.findAll('[0-9]+') == ['123', '456'] && '1 2'.findAll('[0-9]', 1) == ['1']",
      "'aé'.findAll('x*').size() == 3",
      // Lists and maps.
      "[1, 2] + [3] == [1, 2, 3] && [1, 2][1] == 2 && {'a': 1}['a'] == 1 && {1: 'x'}[1] == 'x'",
      "1 in [1, 2] && !(3 in [1]) && 'a' in {'a': 1} && dyn(1.0) in {1: 2}",
      "{'a': [1]} == {'a': [1]} && {'a': 1, 'b': 2} == {'b': 2, 'a': 1} && [[]] != [[1]]",
      "{'a': 1}.a == 1 && has({'a': 1}.a) && !has({'a': 1}.b)",
      "[1, 2, 2].isSorted() && ![2, 1].isSorted() && [].isSorted() && ['a', 'b'].isSorted()",
      "[1, 2, 3].sum() == 6 && [1.5, 2.5].sum() == 4.0 && [].sum() == 0",
      "[duration('1m'), duration('1s')].sum() == duration('61s')",
      "[3, 1, 2].min() == 1 && [3, 1, 2].max() == 3",
      "['a', 'b', 'a'].indexOf('a') == 0 && ['a', 'b', 'a'].lastIndexOf('a') == 2",
      "sets.contains([1, 2], [2]) && sets.equivalent([1, 2, 2], [2, 1]) && sets.intersects([1], "
      "[1])",
      "!sets.contains([1], [2]) && !sets.intersects([1], []) && !sets.equivalent([1], [1, 2])",
      // Macros.
      "[1, 2].all(x, x > 0) && ![1, 2].all(x, x > 1) && [].all(x, false)",
      "[1, 2].exists(x, x == 2) && ![].exists(x, true) && [1, 2].exists_one(x, x > 1)",
      "int('+5') == 5 && double('+1.5') == 1.5",
      "'%s %d'.format([1e20, 1.5]) == '100000000000000000000 1.5'",
      "'a'.indexOf('b', 5) == -1",
      "[1, 2].map(x, x * 2) == [2, 4] && [1, 2, 3].map(x, x > 1, x * 2) == [4, 6]",
      "[1, 2, 3].filter(x, x % 2 == 1) == [1, 3]",
      "{'a': 1, 'b': 2}.all(k, k in ['a', 'b']) && {'a': 1}.map(k, k) == ['a']",
      "{'a': 1}.filter(k, k == 'a') == ['a']",
      "[1, 2].all(x, [3, 4].all(y, x < y)) && [1, 2].map(x, [x].map(x, x + 1)[0]) == [2, 3]",
      "['a', 'b'].all(i, v, v == ['a', 'b'][i]) && {'a': 1}.exists(k, v, k == 'a' && v == 1)",
      "['a', 'b'].transformList(i, v, i > 0, v) == ['b'] && [5].existsOne(i, v, v == 5)",
      "{'a': 1, 'b': 2}.transformMap(k, v, v > 1, v * 2) == {'b': 4}",
      "['a'].transformMap(i, v, v) == {0: 'a'}",
      // An error does not matter where the other side decides.
      "true || 1 / 0 > 0",
      "1 / 0 > 0 || true",
      "!(1 / 0 > 0 && false)",
      "[0, 1].exists(x, 1 / x == 1) && ![0, 2].all(x, 2 / x > 1)",
      // Conversions.
      "int('-5') == -5 && int(3.9) == 3 && int(5u) == 5 && int(timestamp('1970-01-01T00:00:01Z')) "
      "== 1",
      "uint(5) == 5u && uint('7') == 7u && uint(3.7) == 3u",
      "double('1.5') == 1.5 && double(2) == 2.0 && string(1.5) == '1.5' && string(true) == 'true'",
      "string(b'abc') == 'abc' && bytes('é') == b'é' && string(12u) == '12'",
      "bool('true') && !bool('False') && dyn('a') == 'a'",
      "type(1) == int && type('') == string && type([]) == list && type({}) == map",
      "type(null) == null_type && type(int) == type && type(1u) != int",
      "type(duration('1s')) == google.protobuf.Duration",
      // Times.
      "timestamp('2026-11-26T10:00:00Z') + duration('1h') == "
      "timestamp('2026-11-26T12:00:00+01:00')",
      "timestamp('2026-11-26T10:00:00Z') - timestamp('2026-11-26T09:59:59.5Z') == "
      "duration('500ms')",
      "duration('1h30m') == duration('90m') && duration('-1.5s') < duration('0') && "
      "duration('1us').getSeconds() == 0",
      "string(duration('1.5h')) == '5400s' && string(duration('-0.25s')) == '-0.25s'",
      "string(timestamp('2026-01-02T03:04:05.006Z')) == '2026-01-02T03:04:05.006Z'",
      "timestamp('2026-11-26T23:30:00Z').getHours('+01:00') == 0",
      "timestamp('2026-11-26T10:11:12.013Z').getFullYear() == 2026",
      "timestamp('2026-11-26T10:11:12.013Z').getMonth() == 10",
      "timestamp('2026-11-26T10:11:12.013Z').getDate() == 26",
      "timestamp('2026-11-26T10:11:12.013Z').getDayOfMonth() == 25",
      "timestamp('2026-11-26T10:11:12.013Z').getDayOfWeek() == 4",
      "timestamp('2026-11-26T10:11:12.013Z').getDayOfYear() == 329",
      "timestamp('2026-11-26T10:11:12.013Z').getMinutes() == 11",
      "timestamp('2026-11-26T10:11:12.013Z').getMilliseconds() == 13",
      "duration('3h2m1s').getMinutes() == 182 && duration('1.25s').getMilliseconds() == 1250",
      // Optional values.
      "optional.of(1).hasValue() && !optional.none().hasValue() && optional.of(1).value() == 1",
      "optional.none().orValue(2) == 2 && optional.of(1).or(optional.of(2)).value() == 1",
      "!optional.ofNonZeroValue('').hasValue() && optional.ofNonZeroValue('a').hasValue()",
      "{'a': {'b': 1}}.?a.?b.orValue(0) == 1 && {'a': {'b': 1}}.?x.?b.orValue(0) == 0",
      "[1][?0].orValue(5) == 1 && [1][?3].orValue(5) == 5 && {'a': 1}[?'b'].orValue(2) == 2",
      "optional.of(2).optMap(x, x * 2).value() == 4 && !optional.none().optMap(x, x).hasValue()",
      "optional.of(2).optFlatMap(x, optional.of(x + 1)).value() == 3",
      "optional.of({'a': 1}).a.value() == 1 && optional.of([4])[0].value() == 4",
      "optional.of(1) == optional.of(1) && optional.none() == optional.none()",
  };
  for (const std::string_view source : kTrue) {
    EXPECT_EQ(outcome(source), "true") << source;
  }
}

TEST(Evaluation, FailsWithTheReason) {
  static constexpr std::pair<std::string_view, std::string_view> kErrors[] = {
      {"9223372036854775807 + 1 > 0", "integer overflow"},
      {"-9223372036854775808 - 1 > 0", "integer overflow"},
      {"-(-9223372036854775808) > 0", "integer overflow"},
      {"9223372036854775807 * 2 > 0", "integer overflow"},
      {"-9223372036854775808 / -1 > 0", "integer overflow"},
      {"-9223372036854775808 % -1 > 0", "integer overflow"},
      {"0u - 1u > 0u", "unsigned integer overflow"},
      {"1 / 0 > 0", "division by zero"},
      {"1u / 0u > 0u", "division by zero"},
      {"1 % 0 > 0", "modulus by zero"},
      {"int(1e19) > 0", "integer overflow"},
      {"int(9223372036854775808.0) > 0", "integer overflow"},
      {"uint(-0.5) > 0u", "unsigned integer overflow"},
      {"uint(-1) > 0u", "unsigned integer overflow"},
      {"int(0.0 / 0.0) == 0", "integer overflow"},
      {"int('1x') > 0", "type conversion error from 'string' to 'int'"},
      {"timestamp('' + '2026-02-30T00:00:00Z') > timestamp('2026-01-01T00:00:00Z')",
       "type conversion error from 'string' to 'google.protobuf.Timestamp'"},
      {"duration('' + '1d') > duration('1s')",
       "type conversion error from 'string' to 'google.protobuf.Duration'"},
      {"timestamp('9999-12-31T23:59:59Z') + duration('1s') == timestamp(0)", "timestamp overflow"},
      {"duration('2562047h') + duration('2562047h') == duration('0')", "duration overflow"},
      {"timestamp(0).getHours('Asia/Taipei') == 0",
       "unknown time zone Asia/Taipei: UTC or an offset such as +08:00"},
      {"{'a': 1}.b == 1", "no such key: b"},
      {"{'a': 1}['b'] == 1", "no such key: b"},
      {"[1][1] == 1", "index out of bounds: 1"},
      {"[1][-1] == 1", "index out of bounds: -1"},
      {"dyn(1) + dyn('a') == 1", "no such overload"},
      {"dyn(1).a == 1", "no such overload"},
      {"dyn(1).all(x, true)", "no such overload"},
      {"dyn('a') || false", "no such overload"},
      {"false || 1 / 0 > 0", "division by zero"},
      {"[0].all(x, 1 / x > 0)", "division by zero"},
      {"[1, 2].exists_one(x, 1 / (x - 1) > 0)", "division by zero"},
      {"'abc'.substring(2, 1) == ''", "invalid substring range. start: 2, end: 1"},
      {"'abc'.substring(4) == ''", "index out of range: 4"},
      {"'abc'.charAt(-1) == ''", "index out of range: -1"},
      {"'a'.matches('(' + '')", "error parsing regexp: missing ): (: `(`"},
      {"[].min() == 1", "min called on empty list"},
      {"optional.none().value() == 1", "optional.none() dereference"},
      {"'%d'.format(['a']) == ''", "error during formatting: '%d' does not take a string"},
      {"'%s %s'.format(['a']) == ''", "error during formatting: index 1 out of range"},
      {"'%y'.format([1]) == ''", "error during formatting: unrecognized formatting clause \"y\""},
      {"string(b'\\xff') == ''", "invalid UTF-8 in bytes, cannot convert to string"},
      {"{dyn(1.5): 1} == {}", "unsupported key type: double"},
  };
  for (const auto& [source, message] : kErrors) {
    EXPECT_EQ(outcome(source), "error: " + std::string(message)) << source;
  }
}

TEST(Evaluation, EndsWithItsBudget) {
  static constexpr std::string_view kCostly[] = {
      // Each of these would take longer than anyone waits, or more memory than there is.
      "[1,2,3,4,5,6,7,8,9,0].all(a, [1,2,3,4,5,6,7,8,9,0].all(b, [1,2,3,4,5,6,7,8,9,0].all(c, "
      "[1,2,3,4,5,6,7,8,9,0].all(d, [1,2,3,4,5,6,7,8,9,0].all(e, a + b + c + d + e >= 0)))))",
      "['aaaaaaaaaa'].map(x, x+x+x+x+x+x+x+x+x+x).map(x, x+x+x+x+x+x+x+x+x+x)"
      ".map(x, x+x+x+x+x+x+x+x+x+x).map(x, x+x+x+x+x+x+x+x+x+x).map(x, x+x+x+x+x+x+x+x+x+x)"
      ".map(x, x+x+x+x+x+x+x+x+x+x) == []",
      "[[0]].map(x, x+x+x+x+x+x+x+x+x+x).map(x, x+x+x+x+x+x+x+x+x+x).map(x, x+x+x+x+x+x+x+x+x+x)"
      ".map(x, x+x+x+x+x+x+x+x+x+x).map(x, x+x+x+x+x+x+x+x+x+x) == []",
      "['%.1000f'].map(x, [1,2,3,4,5,6,7,8,9,0].map(a, [1,2,3,4,5,6,7,8,9,0].map(b, "
      "[1,2,3,4,5,6,7,8,9,0].map(c, x.format([1.0]))))) == []",
      // Even where another operand would decide.
      "[1,2,3,4,5,6,7,8,9,0].all(a, [1,2,3,4,5,6,7,8,9,0].all(b, [1,2,3,4,5,6,7,8,9,0].all(c, "
      "[1,2,3,4,5,6,7,8,9,0].all(d, [1,2,3,4,5,6,7,8,9,0].all(e, true))))) || true",
  };
  for (const std::string_view source : kCostly) {
    EXPECT_EQ(outcome(source), "error: operation cancelled: actual cost limit exceeded") << source;
  }
}

TEST(Addresses, AreWhatKubernetesTakesThemFor) {
  static constexpr std::string_view kTrue[] = {
      "isIP('127.0.0.1') && isIP('::1') && isIP('2001:db8::1.2.3.4')",
      "!isIP('127.0.0.256') && !isIP('127.0.0.01') && !isIP('1.2.3') && !isIP('') && !isIP(':::1')",
      "!isIP('::ffff:1.2.3.4') && !isIP('fe80::1%eth0') && !isIP('10.0.0.0/8')",
      "ip('::1') == ip('0:0:0:0:0:0:0:1') && ip('127.0.0.1') != ip('::1')",
      "type(ip('::1')) == net.IP && string(ip('10.0.0.1')) == '10.0.0.1'",
      // The canonical form is that of RFC 5952.
      "string(ip('2001:DB8:0:0:1:0:0:1')) == '2001:db8::1:0:0:1'",
      "string(ip('1:0:2:0:0:0:3:4')) == '1:0:2::3:4' && string(ip('0::')) == '::'",
      "string(ip('1:2:3:4:5:6:7:0')) == '1:2:3:4:5:6:7:0' && string(ip('1::0:0')) == '1::'",
      "string(ip('::1.2.3.4')) == '::102:304'",
      "ip.isCanonical('2001:db8::abcd') && ip.isCanonical('127.0.0.1')",
      "!ip.isCanonical('2001:DB8::ABCD') && !ip.isCanonical('2001:db8::0:0:0:abcd')",
      "ip('127.0.0.1').family() == 4 && ip('::1').family() == 6",
      "ip('0.0.0.0').isUnspecified() && ip('::').isUnspecified() && !ip('::1').isUnspecified()",
      "ip('127.9.0.1').isLoopback() && ip('::1').isLoopback() && !ip('10.0.0.1').isLoopback()",
      "ip('224.0.0.1').isLinkLocalMulticast() && !ip('224.0.1.1').isLinkLocalMulticast()",
      "ip('ff02::1').isLinkLocalMulticast() && !ip('fd00::1').isLinkLocalMulticast()",
      "ip('169.254.169.254').isLinkLocalUnicast() && ip('fe80::1').isLinkLocalUnicast()",
      "!ip('192.168.0.1').isLinkLocalUnicast() && !ip('fd80::1').isLinkLocalUnicast()",
      "ip('192.168.0.1').isGlobalUnicast() && ip('2001:db8::abcd').isGlobalUnicast()",
      "!ip('255.255.255.255').isGlobalUnicast() && !ip('ff00::1').isGlobalUnicast() && "
      "!ip('0.0.0.0').isGlobalUnicast()",
      // Networks.
      "isCIDR('192.168.0.0/16') && isCIDR('192.168.0.1/16') && isCIDR('::1/128') && isCIDR('::/0')",
      "!isCIDR('192.168.0.0/33') && !isCIDR('::1/129') && !isCIDR('10.0.0.0') && !isCIDR('10/8')",
      "!isCIDR('10.0.0.0/08') && !isCIDR('10.0.0.0/+8') && !isCIDR('10.0.0.0/')",
      "!isCIDR('::ffff:1.2.3.4/24')",
      "cidr('192.168.0.0/24').containsIP(ip('192.168.0.1')) && "
      "!cidr('192.168.0.0/24').containsIP('192.168.1.1')",
      "!cidr('0.0.0.0/0').containsIP('::1') && cidr('::/0').containsIP('::1')",
      "cidr('192.168.0.0/16').containsCIDR(cidr('192.168.10.0/24')) && "
      "!cidr('192.168.1.0/24').containsCIDR('192.168.2.0/24')",
      "!cidr('192.168.1.0/24').containsCIDR('192.168.0.0/16')",
      "cidr('192.168.0.1/24').ip() == ip('192.168.0.1') && cidr('::1/128').ip().family() == 6",
      "cidr('192.168.0.1/24').masked() == cidr('192.168.0.0/24')",
      "cidr('192.168.0.1/24') != cidr('192.168.0.1/24').masked()",
      "string(cidr('10.255.0.0/9').masked()) == '10.128.0.0/9'",
      "cidr('192.168.0.0/16').prefixLength() == 16 && type(cidr('::/0')) == net.CIDR",
  };
  for (const std::string_view source : kTrue) {
    EXPECT_EQ(outcome(source), "true") << source;
  }
  EXPECT_TRUE(outcome("ip('x').family() == 4").starts_with("error: IP Address \"x\" parse error"));
  EXPECT_TRUE(outcome("cidr('x').ip() == ip('::')").starts_with("error: network address parse"));
}

TEST(SemanticVersions, AreComparedByTheirRules) {
  static constexpr std::string_view kTrue[] = {
      "isSemver('1.0.0') && isSemver('1.2.3-rc.1+build.5') && isSemver('0.0.0-0')",
      "!isSemver('1.0') && !isSemver('v1.0.0') && !isSemver('01.0.0') && !isSemver('1.0.0-01')",
      "!isSemver('1.0.0-') && !isSemver('1.0.0+') && !isSemver('1.0.0-a..b') && !isSemver('')",
      "isSemver('v1.0', true) && isSemver('01.00.0', true) && !isSemver('1-rc', true)",
      "semver('v01.2', true) == semver('1.2.0') && semver('1.2.3', false).patch() == 3",
      "semver('1.2.3').major() == 1 && semver('1.2.3').minor() == 2",
      "semver('1.2.3').compareTo(semver('0.1.2')) == 1 && "
      "semver('1.2.3').compareTo(semver('1.2.3')) == 0",
      "semver('1.0.0-alpha').isLessThan(semver('1.0.0-alpha.1')) && "
      "semver('1.0.0-alpha.1').isLessThan(semver('1.0.0-alpha.beta')) && "
      "semver('1.0.0-beta.2').isLessThan(semver('1.0.0-beta.11')) && "
      "semver('1.0.0-rc.1').isLessThan(semver('1.0.0'))",
      "semver('1.10.0').isGreaterThan(semver('1.9.9'))",
      // The build counts for nothing.
      "semver('1.0.0+a') == semver('1.0.0+b')",
      "type(semver('1.0.0')) == kubernetes.Semver",
  };
  for (const std::string_view source : kTrue) {
    EXPECT_EQ(outcome(source), "true") << source;
  }
  EXPECT_EQ(outcome("semver('1').major() == 1"), "error: \"1\" is no semantic version");
}

/// A program over `self` of this type and content.
std::string about(std::string_view source, const TypePtr& type, std::string_view content) {
  const Environment environment{standard_functions(), {{"self", type}}};
  const auto program = Program::compile(source, environment);
  if (!program) return program.error().message();
  const auto json = json::parse(content);
  if (!json) return json.error().message();
  const std::array<Value, 1> variables{Value::from_json(*json, type)};
  Budget budget(kSteps);
  const auto value = program->evaluate(variables, budget);
  if (!value) return "error: " + value.error().message();
  return value->is_true() ? "true" : "false";
}

TypePtr widget() {
  return Type::object(
      "object",
      {{"replicas", {"replicas", Type::integer()}},
       {"ratio", {"ratio", Type::real()}},
       {"x__dash__y", {"x-y", Type::string()}},
       {"since", {"since", Type::timestamp()}},
       {"every", {"every", Type::duration()}},
       {"labels", {"labels", Type::map(Type::string(), Type::string())}},
       {"ports",
        {"ports", Type::list(Type::object("object.ports", {{"port", {"port", Type::integer()}}}))}},
       {"any", {"any", Type::dyn()}}});
}

TEST(JsonValues, AreSeenThroughTheirTypes) {
  constexpr std::string_view kContent = R"({
      "replicas": 3, "ratio": 2, "x-y": "z", "since": "2026-11-26T00:00:00Z", "every": "1h",
      "labels": {"a": "b"}, "ports": [{"port": 80}, {"port": 443}],
      "any": {"deep": [1, 2.5, null, "x"]}, "unknown": 1, "nothing": null})";
  static constexpr std::string_view kTrue[] = {
      "self.replicas == 3 && self.ratio == 2.0 && self.x__dash__y == 'z'",
      "self.since + self.every > self.since && self.since.getFullYear() == 2026",
      "self.labels.a == 'b' && self.labels.all(k, k == 'a') && 'a' in self.labels && "
      "size(self.labels) == 1",
      "self.ports.map(p, p.port) == [80, 443] && self.ports.exists(p, p.port == 443)",
      "self.any.deep[1] == 2.5 && self.any.deep[2] == null && self.any.deep.size() == 4",
      "has(self.replicas) && !has(self.any.nothing)",
      "self.ports[0] == self.ports[0] && self.ports[0] != self.ports[1]",
      "self == self",
  };
  for (const std::string_view source : kTrue) {
    EXPECT_EQ(about(source, widget(), kContent), "true") << source;
  }
}

TEST(Lists, AreMadeOfOtherLists) {
  static constexpr std::string_view kTrue[] = {
      "[1, 2, 3].slice(1, 3) == [2, 3] && [1].slice(1, 1) == []",
      "[1, 2, 3].reverse() == [3, 2, 1] && ['a'].reverse() == ['a']",
      "[1, 2, 1, 3, 2].distinct() == [1, 2, 3] && [[1], [1]].distinct() == [[1]]",
      "[[1], [2, 3], []].flatten() == [1, 2, 3] && [[[1]], [[2]]].flatten() == [[1], [2]]",
      "[[[1]], [[2]]].flatten(2) == [1, 2] && [1].flatten(0) == [1]",
      "[3, 1, 2].sort() == [1, 2, 3] && ['b', 'a'].sort() == ['a', 'b'] && [].sort() == []",
      "[duration('2s'), duration('1s')].sort()[0] == duration('1s') && [true, false].sort()[1]",
      "['aaa', 'b', 'cc'].sortBy(x, x.size()) == ['b', 'cc', 'aaa']",
      "[{'n': 2}, {'n': 1}].sortBy(x, -x.n).map(x, x.n) == [2, 1] && [].sortBy(x, x) == []",
      "lists.range(3) == [0, 1, 2] && lists.range(-1) == []",
      "[1, 2].first().value() == 1 && [1, 2].last().value() == 2 && ![].first().hasValue()",
      "[optional.of(1), optional.none()].unwrapOpt() == [1]",
      "optional.unwrap([optional.of('a')]) == ['a']",
      "{'a': 'b', 'c': 'd'}.transformMapEntry(k, v, {v: k}) == {'b': 'a', 'd': 'c'}",
      "['a', 'b'].transformMapEntry(i, v, i > 0, {v: i}) == {'b': 1}",
  };
  for (const std::string_view source : kTrue)
    EXPECT_EQ(outcome(source), "true") << source;
  static constexpr std::pair<std::string_view, std::string_view> kOthers[] = {
      {"[1].slice(0, 2)", "error: cannot slice(0, 2), list is length 1"},
      {"[1].slice(-1, 0)", "error: cannot slice(-1, 0), negative indexes not supported"},
      {"[1].slice(1, 0)",
       "error: cannot slice(1, 0), start index must be less than or equal to end index"},
      {"[1].flatten(-1)", "error: level must be non-negative"},
      {"[dyn(1), dyn('a')].sort()", "error: list elements must have the same type"},
      {"{'a': 1, 'b': 1}.transformMapEntry(k, v, {v: k})",
       "error: insert failed: key 1 already exists"},
      {"lists.range(1000000000)", "error: operation cancelled: actual cost limit exceeded"},
      {"[[1]].sort()",
       "ERROR: <input>:1:11: found no matching overload for 'sort' applied to 'list(list(int)).()'"
       "\n | [[1]].sort()\n | ..........^"},
  };
  for (const auto& [source, expected] : kOthers)
    EXPECT_EQ(outcome(source), expected) << source;
}

TEST(Urls, AreReadAsGoReadsThem) {
  static constexpr std::string_view kTrue[] = {
      "url('https://u:p@Example.com:80/a%20b?x=1&x=2&y=%41+b#f').getHost() == 'Example.com:80'",
      "url('HTTPS://e.com:80/p').getScheme() == 'https' && url('/path').getScheme() == ''",
      "url('https://e.com:80/').getHostname() == 'e.com' && url('https://e.com/').getPort() == ''",
      "url('https://[::1]:80/').getHostname() == '::1' && url('https://[::1]:80/').getPort() == "
      "'80'",
      "url('https://e.com/a b').getEscapedPath() == '/a%20b' && url('/a%2Fb').getEscapedPath() == "
      "'/a%2Fb'",
      "url('https://e.com/?k=a&k=%41+b&z').getQuery() == {'k': ['a', 'A b'], 'z': ['']}",
      "isURL('https://a.b') && isURL('/absolute') && isURL('mailto:x@y') && isURL('*')",
      "!isURL('') && !isURL('a.b') && !isURL('../x') && !isURL('https://a b.c') && "
      "!isURL('http://x:port/')",
      "!isURL('http://[::1/') && !isURL('http://x/%zz') && !isURL(':x') && "
      "!isURL('http://a%41/') && !isURL('http://e/#%zz') && !isURL('http://a#b/')",
      "url('https://a/x') == url('https://a/x') && url('/a') != url('/b')",
  };
  for (const std::string_view source : kTrue)
    EXPECT_EQ(outcome(source), "true") << source;
  EXPECT_EQ(outcome("url('a b').getHost()"),
            "error: URL parse error during conversion from string: parse \"a b\": invalid URI for "
            "request");
}

TEST(JsonValues, HaveFieldsWhoseNamesAreReservedWords) {
  const auto json = json::parse(R"({"if": "a", "namespace": "b"})");
  const TypePtr type = Type::object("object", {{"__if__", {"if", Type::string()}},
                                               {"__namespace__", {"namespace", Type::string()}}});
  const Environment environment{standard_functions(), {{"self", type}}};
  for (const char* source :
       {"self.if == 'a' && self.__if__ == self.if", "has(self.namespace) && self.?if.hasValue()"}) {
    const auto program = Program::compile(source, environment);
    ASSERT_TRUE(program) << program.error().message();
    Budget budget(kSteps);
    const Value variables[] = {Value::from_json(*json, type)};
    EXPECT_TRUE(program->evaluate(variables, budget)->is_true()) << source;
  }
}

TEST(JsonValues, AreNotEqualWhenWhatNobodyDeclaredDiffers) {
  const TypePtr type = Type::object("object", {{"a", {"a", Type::integer()}}});
  const Environment environment{standard_functions(), {{"self", type}, {"other", type}}};
  const auto program = Program::compile("self == other", environment);
  ASSERT_TRUE(program) << program.error().message();
  const auto equal = [&](std::string_view self, std::string_view other) {
    const auto first = json::parse(self);
    const auto second = json::parse(other);
    Budget budget(kSteps);
    const Value variables[] = {Value::from_json(*first, type), Value::from_json(*second, type)};
    return program->evaluate(variables, budget)->is_true();
  };
  EXPECT_TRUE(equal(R"({"a": 1, "x": [1, {"y": 2}]})", R"({"x": [1, {"y": 2}], "a": 1})"));
  EXPECT_FALSE(equal(R"({"a": 1, "x": [1, {"y": 2}]})", R"({"a": 1, "x": [1, {"y": 3}]})"));
  EXPECT_FALSE(equal(R"({"x": 1})", R"({"y": 1})"));
  EXPECT_FALSE(equal(R"({"x": 1})", "{}"));
}

TEST(JsonValues, OfFieldsThatAreMissingOrNullAreNotThere) {
  EXPECT_EQ(about("has(self.replicas)", widget(), "{}"), "false");
  EXPECT_EQ(about("has(self.replicas)", widget(), R"({"replicas": null})"), "false");
  EXPECT_EQ(about("self.replicas == 0", widget(), "{}"), "error: no such key: replicas");
  EXPECT_EQ(about("self.?replicas.orValue(7) == 7", widget(), "{}"), "true");
}

TEST(JsonValues, ThatDoNotFitTheirTypeFailWhereTheyAreUsed) {
  EXPECT_EQ(about("self.replicas > 0", widget(), R"({"replicas": "many"})"),
            "error: no such overload");
  EXPECT_EQ(about("self.since > timestamp(0)", widget(), R"({"since": "today"})"),
            "error: no such overload");
}

/// The outcome of an expression that may make objects: of any fields, and Steps.
std::string made(std::string_view source) {
  const Environment environment{
      standard_functions(), {{"any", Type::dyn()}}, [](std::string_view name) -> TypePtr {
        if (name == "Step") return Type::object("Step", {{"op", {"op", Type::string()}}});
        return name.starts_with("Object") ? Type::open_object(std::string(name)) : nullptr;
      }};
  const auto program = Program::compile(source, environment);
  if (!program) return program.error().message();
  Budget budget(kSteps);
  const std::array<Value, 1> variables{Value::integer(7)};
  const auto value = program->evaluate(variables, budget);
  if (!value) return "error: " + value.error().message();
  return value->kind() == Type::Kind::kBool ? (value->is_true() ? "true" : "false")
                                            : "a " + value->type_name();
}

TEST(Objects, AreMadeOfTheTypesOfTheEnvironment) {
  static constexpr std::string_view kTrue[] = {
      "Object{a: 1, b: Object.b{c: [2]}}.b.c[0] == 2",
      "Object{a: 1} == Object{a: 1} && Object{a: 1} != Object{a: 2}",
      "dyn(Object{a: 1}) != dyn(Object.b{a: 1}) && dyn(Object{a: 1}) != dyn({'a': 1})",
      "has(Object{a: 1}.a) && !has(Object{a: 1}.b)",
      "!has(Object{?a: optional.none()}.a) && Object{?a: optional.of(1)}.a == 1",
      "Step{op: 'add'}.op == 'add' && !has(Step{}.op)",
      "[?optional.none(), ?optional.of(2), 3] == [2, 3]",
      "{?'a': optional.none(), ?'b': optional.of(2)} == {'b': 2}",
  };
  for (const std::string_view source : kTrue)
    EXPECT_EQ(made(source), "true") << source;
  EXPECT_EQ(made("Object.spec{}"), "a Object.spec");
}

TEST(Objects, TakeOnlyWhatTheirFieldsAre) {
  EXPECT_EQ(made("Step{op: any}"), "error: unexpected type int for Step 'op' field");
  EXPECT_EQ(made("Object{?a: any}"), "error: no such overload");
  EXPECT_EQ(made("Object{a: 1}.b"), "error: no such key: b");
}

TEST(Programs, KnowWhichVariablesTheyUse) {
  const Environment environment{standard_functions(),
                                {{"self", Type::integer()}, {"oldSelf", Type::integer()}}};
  const auto transition = Program::compile("self >= oldSelf", environment);
  ASSERT_TRUE(transition.has_value());
  EXPECT_TRUE(transition->uses(0));
  EXPECT_TRUE(transition->uses(1));
  // A variable of a macro with the same name is another one.
  const auto plain = Program::compile("[1].all(oldSelf, oldSelf < self)", environment);
  ASSERT_TRUE(plain.has_value());
  EXPECT_FALSE(plain->uses(1));
  EXPECT_TRUE(plain->type()->is(Type::Kind::kBool));
}

}  // namespace
}  // namespace insula::cel
