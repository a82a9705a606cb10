// Plain drawings for the documents: axes, points, lines, bars, text. The same numbers give the same bytes.
#pragma once
#include <string>
#include <vector>

namespace moe::docs {

/// One axis: which values map to which pixels.
struct Axis {
  std::string title;
  double first = 0, last = 1;  ///< values at both ends
  bool logarithmic = false;
  std::vector<std::pair<double, std::string>> ticks;
};

/// A drawing with two axes.
class Plot {
 public:
  Plot(std::string title, Axis x, Axis y, int width = 860, int height = 480);
  /// A dot with a label beside it, on its left where `left`.
  void point(double x, double y, const std::string& colour, const std::string& label, bool left = false);
  /// A line through points.
  void line(const std::vector<std::pair<double, double>>& points, const std::string& colour, const std::string& label, bool dashed = false);
  /// The whole drawing.
  std::string text() const;

 private:
  double px(double x) const;
  double py(double y) const;
  Axis x_, y_;
  int width_, height_;
  std::string head_, body_;
};

/// One bar in parts, whose lengths are shares of 1.
struct Bar {
  std::string label;
  std::vector<double> parts;
};
/// Bars under each other with a legend of their parts.
std::string bars(const std::string& title, const std::vector<std::string>& parts, const std::vector<Bar>& rows);

/// The colour of the i-th thing.
std::string colour(std::size_t i);

}  // namespace moe::docs
