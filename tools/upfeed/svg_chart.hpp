#pragma once

// Pictures of a report as SVG text, to stand in an HTML page whose style sheet names the classes
// (grid, axis, label, s1 .. s4, ...). Deliberately not here: what is drawn.

#include <string>
#include <string_view>
#include <vector>

namespace upfeed::program {

/// From values to pixels; logarithmic when `is_log`.
struct Scale {
  double low = 0;
  double high = 1;
  double from = 0;  ///< pixel of low
  double to = 1;    ///< pixel of high
  bool is_log = false;

  [[nodiscard]] double at(double value) const;
};

/// A logarithmic scale over whole steps of 1, 2, 5, 10, ... around [low, high].
[[nodiscard]] Scale log_scale(double low, double high, double from, double to);
/// Those steps within it: at most about ten.
[[nodiscard]] std::vector<double> log_ticks(const Scale& scale);

class Svg {
 public:
  /// title  for screen readers.
  Svg(double width, double height, std::string_view title);
  void line(std::string_view css, double x1, double y1, double x2, double y2);
  /// hint  shown while the mouse is over it; empty: none.
  void box(std::string_view css, double x, double y, double width, double height,
           std::string_view hint = {});
  void dot(std::string_view css, double x, double y, std::string_view hint);
  /// anchor  start, middle or end.
  void text(std::string_view css, double x, double y, std::string_view anchor,
            std::string_view content);
  struct Point {
    double x;
    double y;
  };
  void curve(std::string_view css, const std::vector<Point>& points);
  /// Ends the picture and hands it out.
  [[nodiscard]] std::string take();

 private:
  std::string out_;
};

/// With &, < and > and quotes made harmless.
[[nodiscard]] std::string html_text(std::string_view text);

}  // namespace upfeed::program
