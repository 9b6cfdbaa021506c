from tests.flows.ingest.places import inbox, lake

__all__ = ["inbox", "lake"]
