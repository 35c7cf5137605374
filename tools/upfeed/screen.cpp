#include "screen.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>

#include "output.hpp"
#include "signals.hpp"

namespace upfeed::program {
namespace {

constexpr const char* kEnter = "\033[?1049h\033[?25l";
constexpr const char* kLeave = "\033[?25h\033[?1049l";

void write_terminal(std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = ::write(STDOUT_FILENO, text.data(), text.size());
    if (count <= 0) return;  // a signal, or the terminal is gone: the next picture is whole again
    text.remove_prefix(static_cast<std::size_t>(count));
  }
}

std::string_view escape(Colour colour) {
  switch (colour) {
    case Colour::bold:
      return "\033[1m";
    case Colour::dim:
      return "\033[2m";
    case Colour::red:
      return "\033[31m";
    case Colour::green:
      return "\033[32m";
    case Colour::yellow:
      return "\033[33m";
    case Colour::reverse:
      return "\033[7m";
    case Colour::none:
      break;
  }
  return {};
}

bool starts_character(char c) {
  return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
}

std::size_t width(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), starts_character));
}

/// The first `columns` characters.
std::string_view cut(std::string_view text, std::size_t columns) {
  std::size_t seen = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (starts_character(text[i]) && seen++ == columns) return text.substr(0, i);
  }
  return text;
}

}  // namespace

Screen::Screen() {
  set_last_words(kLeave);
  write_terminal(kEnter);
}

Screen::~Screen() {
  write_terminal(kLeave);
  set_last_words(nullptr);
}

Screen::Size Screen::size() const {
  winsize window{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) != 0 || window.ws_row == 0) return {};
  return {window.ws_row, std::max<std::size_t>(window.ws_col, 20)};
}

void Screen::draw(const std::string& lines) {
  std::string picture = "\033[H";
  std::size_t rows = size().rows;
  std::string_view rest = lines;
  while (!rest.empty() && rows-- > 0) {
    const std::size_t end = rest.find('\n');
    picture += rest.substr(0, end);
    picture += "\033[0m\033[K";
    // No line end behind the last row: the screen would scroll.
    if (rows > 0) picture += "\r\n";
    rest.remove_prefix(std::min(end, rest.size() - 1) + 1);
  }
  picture += "\033[J";
  write_terminal(picture);
}

Line& Line::text(std::string_view text, Colour colour) {
  std::string shown = printable(text);
  std::replace(shown.begin(), shown.end(), '\n', ' ');
  shown.resize(cut(shown, left_).size());
  left_ -= width(shown);
  out_ += escape(colour);
  out_ += shown;
  if (colour != Colour::none) out_ += "\033[0m";
  return *this;
}

Line& Line::left(std::string_view content, std::size_t columns, Colour colour) {
  std::string padded(cut(content, columns));
  padded.append(columns - width(padded), ' ');
  return text(padded, colour);
}

Line& Line::right(std::string_view content, std::size_t columns, Colour colour) {
  const std::string_view shown = cut(content, columns);
  return text(std::string(columns - width(shown), ' ').append(shown), colour);
}

std::string Line::take() {
  return std::move(out_) + '\n';
}

std::string fit_number(std::string number, std::size_t columns) {
  const std::size_t point = number.find('.');
  if (number.size() <= columns || point == std::string::npos) return number;
  number.resize(std::max(columns, point));
  if (number.back() == '.') number.pop_back();
  return number;
}

}  // namespace upfeed::program
