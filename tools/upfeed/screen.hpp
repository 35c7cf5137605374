#pragma once

// A terminal that is redrawn: the alternate screen while one lives, the old content afterwards,
// also when a second Ctrl-C ends the program.

#include <cstddef>
#include <string>
#include <string_view>

namespace upfeed::program {

class Screen {
 public:
  Screen();
  ~Screen();
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;

  struct Size {
    std::size_t rows = 24;
    std::size_t columns = 80;
  };
  [[nodiscard]] Size size() const;
  /// lines  as made by Line; those beyond the screen are not drawn.
  void draw(const std::string& lines);
};

enum class Colour : unsigned char { none, bold, dim, red, green, yellow, reverse };

/// One line of the screen. Text beyond the last column is cut; colours take no room.
class Line {
 public:
  explicit Line(std::size_t columns) : left_(columns) {}

  /// Text as it is; one column a character, so no wide characters.
  Line& text(std::string_view text, Colour colour = Colour::none);
  /// Cut or filled up to `columns`.
  Line& left(std::string_view text, std::size_t columns, Colour colour = Colour::none);
  Line& right(std::string_view text, std::size_t columns, Colour colour = Colour::none);
  /// The line with its end.
  [[nodiscard]] std::string take();

 private:
  std::string out_;
  std::size_t left_;
};

/// A decimal number that fits `columns` by dropping digits behind the point, never before it.
[[nodiscard]] std::string fit_number(std::string number, std::size_t columns);

}  // namespace upfeed::program
