#pragma once

#include "cel/function.h"

/// The function libraries, each adds its part to a table.
namespace insula::cel::library {

/// `_+_`, `-_`, ... of numbers, texts, lists and times.
void add_arithmetic(FunctionTable& table);
/// `_==_`, `_<_`, `!_`, ...; numbers of different types compare by value.
void add_comparisons(FunctionTable& table);
/// Indexing, `in`, `size`, and Kubernetes' functions of lists and sets.
void add_collections(FunctionTable& table);
/// What makes other lists of lists: `slice`, `sort`, `flatten`, `lists.range`, ...
void add_lists(FunctionTable& table);
/// `int`, `string`, `timestamp`, `type`, `dyn`, ...
void add_conversions(FunctionTable& table);
/// What a timestamp and a duration are made of: `getFullYear`, `getHours`, ...
void add_times(FunctionTable& table);
/// `contains`, `startsWith`, and the extended functions of strings: `split`, `format`, ...
void add_texts(FunctionTable& table);
/// `matches`, `find`, `findAll`, in RE2's syntax, whose time is linear.
void add_regular_expressions(FunctionTable& table);
/// Kubernetes' functions of addresses and networks: `ip`, `isIP`, `cidr`, `isCIDR`, ...
void add_addresses(FunctionTable& table);
/// Kubernetes' functions of addresses in the web: `url`, `isURL`, ...
void add_urls(FunctionTable& table);
/// Kubernetes' functions of semantic versions: `semver`, `isSemver`, ...
void add_versions(FunctionTable& table);
/// `optional.of`, `orValue`, ...
void add_optionals(FunctionTable& table);

}  // namespace insula::cel::library
