"""What was done to a file: the records of it, and the page that shows them."""

from viai.report.records import CandidateReport, GapReport, ReferenceScores, RepairReport

__all__ = ["CandidateReport", "GapReport", "ReferenceScores", "RepairReport"]
