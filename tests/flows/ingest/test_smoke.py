from tests.flows.ingest.world import *
import pytest

@pytest.mark.parametrize("form", FORMATS)
def test_smoke(lake, inbox, form):
    rows=[usage(1), usage(2, tags='{"b":"1","a":"x"}'), usage(3, sku_id="nope"), usage(4, consumed_quantity="1e3")]
    r=ingest(lake, write(inbox, rows, form))
    print(r)
    print(stored(lake)); print(rejects(lake,"reason_code, reason, original, billing_period"))
    assert (r.accepted,r.rejected)==(2,2)
