#pragma once

#include "api/box.h"

namespace insula::api {

// Included by the generated sources alone, which instantiate Box for each struct that some other
// holds in one.

template <class T>
Box<T>::Box(T value) : value_(std::make_unique<T>(std::move(value))) {}

template <class T>
Box<T>::Box(const Box& other) : value_(other ? std::make_unique<T>(*other) : nullptr) {}

template <class T>
Box<T>& Box<T>::operator=(const Box& other) {
  if (this != &other) value_ = other ? std::make_unique<T>(*other) : nullptr;
  return *this;
}

template <class T>
Box<T>& Box<T>::operator=(Box&& other) noexcept = default;

template <class T>
Box<T>::~Box() = default;

}  // namespace insula::api
