"""What configuration names is hashed on the driver, what events carry in Spark: a filter finds only equal hashes."""

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from ceasefire.ids import hash64
from frames import assert_same_rows


def test_spark_and_the_driver_hash_every_text_alike(spark: SparkSession) -> None:
    texts = [
        "",
        " ",
        "ski/boots",
        "Straße",
        "ÅÄÖ",
        "e\u0301",
        "\u00e9",
        "日本語/靴",
        "👩‍👩‍👧",
        "\u202eabc",
        "\x00",
        "\ufeff",
        "a" * 31,
        "a" * 32,
        "ü" * 1000,
        "tab\tand\nline",
        "\U0010ffff",
    ]
    frame = spark.createDataFrame([(text,) for text in texts], "text string")

    assert_same_rows(
        frame.withColumn("hash", F.xxhash64("text")), [(text, hash64(text)) for text in texts], ["text", "hash"]
    )
