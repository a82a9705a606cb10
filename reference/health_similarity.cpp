// Are experts different? Who is chosen together, and whose numbers agree.
#include <cmath>
#include <string>

#include "reference/error.h"
#include "reference/health.h"
#include "reference/linear.h"

namespace moe::reference {

namespace {

// Does token t use expert e in any slot?
bool chooses(const IntMatrix& selected, Index t, Index e) {
  for (Index k = 0; k < selected.cols(); k++)
    if (selected(t, k) == e) return true;
  return false;
}

// Columns minus their means, transposed: one row per feature.
Matrix centred_columns(const ConstMatrix& x) {
  const Vector mean = mean_scores(x, x.rows());
  Matrix columns(x.cols(), x.rows());
  for (Index d = 0; d < x.cols(); d++)
    for (Index i = 0; i < x.rows(); i++) columns(d, i) = x(i, d) - mean[d];
  return columns;
}

// Sum of the squares of a b^T.
float squared_product(const Matrix& a, const Matrix& b) {
  const Matrix products = linear(a, b, Vector());
  return inner_product(products.data(), products.data(), products.size(), 0);
}

}  // namespace

IntMatrix chosen_together(const IntMatrix& selected, Index E) {
  counts(selected, E);  // refuses experts that do not exist
  IntMatrix together = IntMatrix::Zero(E, E);
  for (Index t = 0; t < selected.rows(); t++)
    for (Index a = 0; a < E; a++)
      for (Index b = 0; b < E; b++)
        if (chooses(selected, t, a) && chooses(selected, t, b))
          together(a, b)++;
  return together;
}

Matrix overlap(const IntMatrix& together) {
  const Index E = together.rows();
  if (together.cols() != E)
    throw Error("health: overlap: expected [E,E], found [" +
                std::to_string(E) + "," + std::to_string(together.cols()) +
                "]");
  Matrix shares = Matrix::Zero(E, E);
  for (Index a = 0; a < E; a++) {
    for (Index b = 0; b < E; b++) {
      const Index both = together(a, b);
      const Index either = Index{together(a, a)} + together(b, b) - both;
      if (either > 0)
        shares(a, b) = static_cast<float>(both) / static_cast<float>(either);
    }
  }
  return shares;
}

Matrix cosine_similarity(const ConstMatrix& rows) {
  const Matrix dense = rows;
  const Matrix products = linear(dense, dense, Vector());
  const Index E = rows.rows();
  Matrix cosine = Matrix::Zero(E, E);
  for (Index a = 0; a < E; a++) {
    for (Index b = 0; b < E; b++) {
      const float lengths =
          std::sqrt(products(a, a)) * std::sqrt(products(b, b));
      if (lengths != 0) cosine(a, b) = products(a, b) / lengths;
    }
  }
  return cosine;
}

float linear_cka(const ConstMatrix& x, const ConstMatrix& y) {
  if (x.rows() != y.rows())
    throw Error("health: CKA: x has " + std::to_string(x.rows()) +
                " tokens, y " + std::to_string(y.rows()));
  const Matrix X = centred_columns(x);
  const Matrix Y = centred_columns(y);
  const float lengths = std::sqrt(squared_product(X, X)) *
                        std::sqrt(squared_product(Y, Y));
  return lengths == 0 ? 0 : squared_product(Y, X) / lengths;
}

}  // namespace moe::reference
