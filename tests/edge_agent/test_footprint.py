import subprocess
import sys
from pathlib import Path

import edge_agent

HEAVY = {
    "numpy",
    "pydantic",
    "sqlalchemy",
    "fastapi",
    "twilio",
    "aiomqtt",
    "influxdb_client",
    "jinja2",
    "rich",
    "sklearn",
}
PROGRAM = """
import importlib, pkgutil, sys
import edge_agent
names = [module.name for module in pkgutil.walk_packages(edge_agent.__path__, "edge_agent.")]
assert "edge_agent.sources.replay" in names and "edge_agent.cli" in names, names
for name in names:
    importlib.import_module(name)
print(" ".join(sorted({name.partition(".")[0] for name in sys.modules})))
"""


def test_the_agent_loads_nothing_but_the_base():
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60, check=True)
    loaded = set(done.stdout.split())
    assert {"contracts", "edge_agent", "paho"} <= loaded
    assert loaded & HEAVY == set()
    floors = {path.name for path in Path(edge_agent.__file__).parents[1].iterdir() if (path / "__init__.py").exists()}
    assert "store" in floors
    assert loaded & floors == {"contracts", "edge_agent"}
