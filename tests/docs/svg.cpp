#include "tests/docs/svg.h"

#include <fmt/format.h>

#include <array>
#include <cmath>

namespace moe::docs {
namespace {

constexpr int kLeft = 76, kRight = 150, kTop = 40, kBottom = 56;

std::string label(double x, double y, const std::string& text, const char* anchor, const char* extra = "") {
  return fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\"{}>{}</text>\n", x, y, anchor, extra, text);
}

std::string head(int width, int height, const std::string& title) {
  return fmt::format(
             "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1}\" viewBox=\"0 0 {0} {1}\" font-family=\"sans-serif\" font-size=\"11\">\n"
             "<rect width=\"{0}\" height=\"{1}\" fill=\"white\"/>\n",
             width, height) +
         label(kLeft, 22, title, "start", " font-size=\"14\" font-weight=\"bold\"");
}

double position(const Axis& a, double value) {
  const auto f = [&](double v) { return a.logarithmic ? std::log10(v) : v; };
  return (f(value) - f(a.first)) / (f(a.last) - f(a.first));
}

}  // namespace

std::string colour(std::size_t i) {
  static constexpr std::array kColours{"#1f77b4", "#d62728", "#2ca02c", "#ff7f0e", "#9467bd", "#8c564b", "#17becf", "#7f7f7f"};
  return kColours[i % kColours.size()];
}

Plot::Plot(std::string title, Axis x, Axis y, int width, int height)
    : x_(std::move(x)), y_(std::move(y)), width_(width), height_(height), head_(head(width, height, title)) {
  for (const auto& [value, text] : x_.ticks) {
    head_ += fmt::format("<line x1=\"{0:.1f}\" x2=\"{0:.1f}\" y1=\"{1}\" y2=\"{2}\" stroke=\"#ddd\"/>\n", px(value), kTop, height_ - kBottom);
    head_ += label(px(value), height_ - kBottom + 16, text, "middle");
  }
  for (const auto& [value, text] : y_.ticks) {
    head_ += fmt::format("<line x1=\"{1}\" x2=\"{2}\" y1=\"{0:.1f}\" y2=\"{0:.1f}\" stroke=\"#ddd\"/>\n", py(value), kLeft, width_ - kRight);
    head_ += label(kLeft - 6, py(value) + 4, text, "end");
  }
  head_ += label((kLeft + width_ - kRight) / 2.0, height_ - 16, x_.title, "middle");
  const double middle = (kTop + height_ - kBottom) / 2.0;
  head_ += fmt::format("<text x=\"18\" y=\"{0:.1f}\" text-anchor=\"middle\" transform=\"rotate(-90 18 {0:.1f})\">{1}</text>\n", middle, y_.title);
}

double Plot::px(double x) const { return kLeft + position(x_, x) * (width_ - kLeft - kRight); }
double Plot::py(double y) const { return height_ - kBottom - position(y_, y) * (height_ - kTop - kBottom); }

void Plot::point(double x, double y, const std::string& colour, const std::string& text, bool left) {
  body_ += fmt::format("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"3.5\" fill=\"{}\"/>\n", px(x), py(y), colour);
  if (!text.empty()) body_ += label(px(x) + (left ? -6 : 6), py(y) + 4, text, left ? "end" : "start", " font-size=\"9\"");
}

void Plot::line(const std::vector<std::pair<double, double>>& points, const std::string& colour, const std::string& text, bool dashed) {
  std::string path;
  for (const auto& [x, y] : points) path += fmt::format("{}{:.1f} {:.1f}", path.empty() ? "M" : " L", px(x), py(y));
  body_ += fmt::format("<path d=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"1.8\"{}/>\n", path, colour, dashed ? " stroke-dasharray=\"5 4\"" : "");
  if (!points.empty() && !text.empty()) body_ += label(px(points.back().first) + 6, py(points.back().second) + 4, text, "start");
}

std::string Plot::text() const { return head_ + body_ + "</svg>\n"; }

std::string bars(const std::string& title, const std::vector<std::string>& parts, const std::vector<Bar>& rows) {
  constexpr int kRow = 16, kNames = 200, kBars = 560;
  const int height = kTop + 30 + kRow * static_cast<int>(rows.size()) + 12;
  std::string svg = head(kNames + kBars + 40, height, title);
  double x = kLeft;
  for (std::size_t i = 0; i < parts.size(); i++) {
    svg += fmt::format("<rect x=\"{:.1f}\" y=\"{}\" width=\"10\" height=\"10\" fill=\"{}\"/>\n", x, kTop, colour(i));
    svg += label(x + 14, kTop + 9, parts[i], "start");
    x += 26 + 6.2 * static_cast<double>(parts[i].size());
  }
  int y = kTop + 26;
  for (const Bar& row : rows) {
    svg += label(kNames - 6, y + 11, row.label, "end");
    double left = kNames;
    for (std::size_t i = 0; i < row.parts.size(); i++) {
      const double width = row.parts[i] * kBars;
      if (width >= 0.05) svg += fmt::format("<rect x=\"{:.1f}\" y=\"{}\" width=\"{:.1f}\" height=\"12\" fill=\"{}\"/>\n", left, y, width, colour(i));
      left += width;
    }
    y += kRow;
  }
  return svg + "</svg>\n";
}

}  // namespace moe::docs
