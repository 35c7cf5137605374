#include "svg_chart.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace upfeed::program {
namespace {

std::string number(double value) {
  char text[32];
  const auto end = std::to_chars(text, text + sizeof text, value, std::chars_format::fixed, 1).ptr;
  return {text, end};
}

std::string attribute(const char* name, double value) {
  return " " + std::string(name) + "=\"" + number(value) + "\"";
}

std::string css_class(std::string_view css) {
  return " class=\"" + std::string(css) + "\"";
}

/// 1, 2 or 5 times a power of ten, not above (or not below) the value.
double step_near(double value, bool below) {
  const double decade = std::pow(10, std::floor(std::log10(value)));
  const double steps[] = {1, 2, 5, 10};
  if (below) {
    for (int i = 3; i >= 0; --i) {
      if (steps[i] * decade <= value * 1.0001) return steps[i] * decade;
    }
  }
  for (const double step : steps) {
    if (step * decade >= value * 0.9999) return step * decade;
  }
  return value;
}

}  // namespace

double Scale::at(double value) const {
  const double bounded = std::clamp(value, low, high);
  const double part =
      is_log ? std::log(bounded / low) / std::log(high / low) : (bounded - low) / (high - low);
  return from + part * (to - from);
}

Scale log_scale(double low, double high, double from, double to) {
  const double bottom = step_near(std::max(low, 1e-9), true);
  return {bottom, std::max(step_near(std::max(high, 1e-9), false), bottom * 10), from, to, true};
}

std::vector<double> log_ticks(const Scale& scale) {
  constexpr double kDecadesForSteps = 3.5;
  const bool all = std::log10(scale.high / scale.low) <= kDecadesForSteps;
  std::vector<double> ticks;
  for (double decade = std::pow(10, std::floor(std::log10(scale.low) + 1e-9));
       decade <= scale.high * 1.0001; decade *= 10) {
    for (const double step : {1.0, 2.0, 5.0}) {
      const double tick = decade * step;
      if (tick < scale.low * 0.9999 || tick > scale.high * 1.0001) continue;
      if (all || step == 1.0) ticks.push_back(tick);
    }
  }
  return ticks;
}

Svg::Svg(double width, double height, std::string_view title) {
  out_ = "<svg role=\"img\" aria-label=\"" + html_text(title) + "\" viewBox=\"0 0 " +
         number(width) + " " + number(height) + "\" xmlns=\"http://www.w3.org/2000/svg\">\n";
}

void Svg::line(std::string_view css, double x1, double y1, double x2, double y2) {
  out_ += "<line" + css_class(css) + attribute("x1", x1) + attribute("y1", y1) +
          attribute("x2", x2) + attribute("y2", y2) + "/>\n";
}

void Svg::box(std::string_view css, double x, double y, double width, double height,
              std::string_view hint) {
  out_ += "<rect rx=\"2\"" + css_class(css) + attribute("x", x) + attribute("y", y) +
          attribute("width", std::max(width, 0.0)) + attribute("height", height) + "><title>" +
          html_text(hint) + "</title></rect>\n";
}

void Svg::dot(std::string_view css, double x, double y, std::string_view hint) {
  out_ += "<circle r=\"4\"" + css_class(css) + attribute("cx", x) + attribute("cy", y) +
          "><title>" + html_text(hint) + "</title></circle>\n";
}

void Svg::text(std::string_view css, double x, double y, std::string_view anchor,
               std::string_view content) {
  out_ += "<text" + css_class(css) + attribute("x", x) + attribute("y", y) + " text-anchor=\"" +
          std::string(anchor) + "\">" + html_text(content) + "</text>\n";
}

void Svg::curve(std::string_view css, const std::vector<Point>& points) {
  if (points.empty()) return;
  out_ += "<polyline" + css_class(css) + " points=\"";
  for (const Point& point : points) out_ += number(point.x) + "," + number(point.y) + " ";
  out_.back() = '"';
  out_ += "/>\n";
}

std::string Svg::take() {
  return std::move(out_) + "</svg>\n";
}

std::string html_text(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

}  // namespace upfeed::program
