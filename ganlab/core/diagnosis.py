"""Diagnostic classes of the PTB database: the nine of the paper's Table 1 and the three of its Table 2."""

MISCELLANEOUS = "miscellaneous"
HEALTHY = "healthy_control"
INFARCTION = "myocardial_infarction"

DIAGNOSES = {
    "Myocardial infarction": INFARCTION,
    "Cardiomyopathy": "cardiomyopathy_or_heart_failure",
    "Heart failure (NYHA 2)": "cardiomyopathy_or_heart_failure",
    "Heart failure (NYHA 3)": "cardiomyopathy_or_heart_failure",
    "Heart failure (NYHA 4)": "cardiomyopathy_or_heart_failure",
    "Bundle branch block": "bundle_branch_block",
    "Dysrhythmia": "dysrhythmia",
    "Hypertrophy": "myocardial_hypertrophy",
    "Valvular heart disease": "valvular_heart_disease",
    "Myocarditis": "myocarditis",
    "Healthy control": HEALTHY,
}
"""Class of Table 1 by a header's `Reason for admission`; any other reason, or none, is miscellaneous."""

CLASSES = (INFARCTION, MISCELLANEOUS, HEALTHY)
"""Classes of Table 2; the index of a name is the label that a conditional GAN receives."""


def diagnosis_of(reason: str) -> str:
    """Return the class of Table 1 for a header's `Reason for admission`."""
    return DIAGNOSES.get(reason.strip(), MISCELLANEOUS)


def label_of(diagnosis: str) -> int:
    """Return the index of the class of Table 2 for a class of Table 1."""
    return CLASSES.index(diagnosis) if diagnosis in CLASSES else CLASSES.index(MISCELLANEOUS)
