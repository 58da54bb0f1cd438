"""What must hold in every closing account (`--json`)."""


def adds_up(account):
    total = lambda counters: sum(counters.values())
    ports, packets, flows, rows, store = (account[k] for k in ("ports", "packets", "flows", "rows", "store"))
    for port in ports:
        assert port["offered"] == total(port["lost"]) + port["seen"], port
    assert sum(p["seen"] for p in ports) == packets["seen"]
    assert packets["seen"] == packets["metered"] + total(packets["ignored"]) + total(packets["dropped"]), packets
    assert flows["opened"] == total(flows["closed"]) and flows["active"] == 0, flows
    assert total(account["records"]) == rows["batched"] + total(rows["shed"]) + rows["unscored"], rows
    assert rows["batched"] == rows["scored"], rows
    assert rows["scored"] == store["committed"] + total(store["withheld"]) + total(store["rejected"]), store
    assert total(account["batch_fill"]) == account["batches"], account["batch_fill"]
    stages = account["stages_us"]  # parts of the whole
    assert stages["store"]["max"] <= account["durable_us"]["max"] and stages["score"]["max"] <= account["decision_us"]["max"], account
    ingest = account.get("ingest")
    if ingest:
        assert ingest["rows"] == account["records"].get("ingested", 0) + total(ingest["rejected"]), ingest
