"""Baselines as scikit-learn makes them: settings, the classifier and the regressor."""

import sklearn.ensemble
import sklearn.linear_model
import sklearn.neighbors
import sklearn.svm

BASELINES = {
    "random_forest": (
        {"trees": 20},
        sklearn.ensemble.RandomForestClassifier(20, random_state=7),
        sklearn.ensemble.RandomForestRegressor(20, random_state=7),
    ),
    "svm": ({"C": 2.0}, sklearn.svm.SVC(C=2.0), sklearn.svm.SVR(C=2.0)),
    "linear_svm": (
        {"C": 0.5, "tolerance": 0.01},
        sklearn.svm.LinearSVC(C=0.5, tol=0.01, dual="auto", random_state=0),
        sklearn.svm.LinearSVR(C=0.5, tol=0.01, dual="auto", random_state=0),
    ),
    "linear_model": (
        {"C": 0.1},
        sklearn.linear_model.LogisticRegression(C=0.1, max_iter=1000),
        sklearn.linear_model.Ridge(alpha=10.0),
    ),
    "nearest_neighbours": (
        {"neighbours": 3},
        sklearn.neighbors.KNeighborsClassifier(3),
        sklearn.neighbors.KNeighborsRegressor(3),
    ),
}
