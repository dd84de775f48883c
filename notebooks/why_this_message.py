# Databricks notebook source
# MAGIC %md
# MAGIC # Why did this customer get this?
# MAGIC The decision in force, every candidate with its value and its reason, and what happened before and since.

# COMMAND ----------

from ceasefire.config.schedule import local_text
from ceasefire.ids import customer_id
from ceasefire.pipelines.explain import explain
from ceasefire.pipelines.notebooks import ask, notebook_workspace, show
from ceasefire.pipelines.views import timeline
from ceasefire.reports.explanation import explanation_lines
from ceasefire.reports.plots import candidates_plot, timeline_plot

conf = ask(globals(), "conf", "ceasefire-demo/conf", "Brand folder")
root = ask(globals(), "root", "ceasefire-demo", "Folder of the tables")
customer = ask(globals(), "customer", "572", "Customer, by the id that events carry")
workspace = notebook_workspace(conf, root)

# COMMAND ----------

explanation = explain(workspace, customer, at=None)
show("\n".join(explanation_lines(explanation, local_text(explanation.zone))))

# COMMAND ----------

# MAGIC %md
# MAGIC ## What each message was worth
# MAGIC The gain that sending is expected to bring, after its cost; beside each bar, what became of the candidate.

# COMMAND ----------

show(candidates_plot(explanation.decision["candidates"], explanation.currency))

# COMMAND ----------

# MAGIC %md
# MAGIC ## What happened, and what was sent

# COMMAND ----------

history = timeline(workspace, customer_id(workspace.at_work.key, customer))
show(history.tail(20))
show(timeline_plot(history))
